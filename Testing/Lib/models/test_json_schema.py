import pytest

from DeepRegistrationLib.models.json_schema import problems


def mistakes(value, schema):
    return list(problems(value, schema, "it"))


@pytest.mark.parametrize(
    ("schema", "right", "wrong", "text"),
    [
        ({"type": "string"}, "a", 1, "it: 1 is not of the type string"),
        ({"type": "integer"}, 3, 3.5, "it: 3.5 is not of the type integer"),
        ({"type": "integer"}, 0, True, "it: True is not of the type integer"),
        ({"type": "boolean"}, False, 0, "it: 0 is not of the type boolean"),
        ({"type": ["string", "null"]}, None, [], "it: [] is not of the type string or null"),
        ({"required": ["a"]}, {"a": 1}, {"b": 1}, "it: 'a' is missing"),
        ({"properties": {"a": {"minimum": 1}}}, {"a": 1}, {"a": 0}, "it.a: 0 is below 1"),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"a": 1},
            {"b": 1},
            "it: 'b' is not known",
        ),
        (
            {"additionalProperties": {"type": "null"}},
            {"b": None},
            {"b": 1},
            "it.b: 1 is not of the type null",
        ),
        ({"items": {"enum": ["x", "y"]}}, ["x", "y"], ["x", "z"], "it[1]: 'z' is none of x, y"),
        ({"const": 1}, 1, 2, "it: 2 was found instead of 1"),
        ({"pattern": "^a+$"}, "aa", "ab", "it: 'ab' does not have the form ^a+$"),
        ({"minLength": 1}, "a", "", "it: the text is empty"),
        ({"exclusiveMinimum": 0}, 0.1, 0, "it: 0 is not above 0"),
    ],
)
def test_each_rule_lets_the_right_value_pass_and_names_the_mistake(schema, right, wrong, text):
    assert mistakes(right, schema) == []
    assert mistakes(wrong, schema) == [text]


def test_every_mistake_is_found():
    schema = {"required": ["a"], "properties": {"b": {"type": "string"}}, "additionalProperties": False}
    assert len(mistakes({"b": 1, "c": 2}, schema)) == 3


def test_nothing_more_is_said_about_a_value_of_the_wrong_type():
    assert len(mistakes("text", {"type": "object", "required": ["a"], "minLength": 9})) == 1


def test_a_rule_that_is_not_checked_is_refused_instead_of_ignored():
    with pytest.raises(ValueError, match="not checked: maxItems"):
        mistakes([], {"type": "array", "maxItems": 1})
