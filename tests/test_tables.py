"""Tables that people write: what is read of them, and what is said of broken ones."""

import pytest

from folai.tables import read_table


def written(tmp_path, data):
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    return path


def test_rows_by_their_columns_as_spreadsheets_save_them(tmp_path):
    path = written(tmp_path, '\ufeffname,prompt,more\r\nstep,"wood, dry",\r\nknock,é,x'.encode())
    rows = read_table(path, ("name", "prompt"))
    assert rows[0] == {"name": "step", "prompt": "wood, dry", "more": ""}
    assert rows[1]["prompt"] == "é"
    assert read_table(written(tmp_path, b"a,b\n"), ("a",)) == []


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "no column a, b; name it"),
        (b"a,c\n1,2\n", "no column b; name it"),
        (b"c,a,b\n1,2,3\n4,5\n", "row 2 is cut short; fill in a, b"),
        (b"a,b\n\xff\xfe,1\n", "not a CSV file in UTF-8"),
    ],
)
def test_what_is_wrong_is_said_with_the_name_of_the_file(tmp_path, data, told):
    path = written(tmp_path, data)
    with pytest.raises(ValueError, match=told) as raised:
        read_table(path, ("a", "b"))
    assert str(raised.value).startswith(f"{path}: ") and "\n" not in str(raised.value)
