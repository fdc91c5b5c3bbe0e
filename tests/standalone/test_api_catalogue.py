"""3.3 to 3.15: schools, subjects, grades, teachers; and paging, which all lists share."""

from __future__ import annotations

from tests.standalone.helpers import Api

AWKWARD = ["😀 表情", "引号\"'`<b>&amp;", "a/b?c=d&e#f%2F+g", "空 格", "é" * 3000, "行\n二"]


async def test_school(both: Api) -> None:
    added = await both.ok("add_school", name="东升一中", addr="东升镇", phone="010-6267772")
    school_id = added["school_id"]
    listed = await both.ok("list_school")
    assert listed["total_num"] == 2
    assert listed["data"][0] == {
        "school_id": school_id,
        "name": "东升一中",
        "addr": "东升镇",
        "phone": "010-6267772",
        "created": "2026-11-24 10:00:00",
        "updated": "2026-11-24 10:00:00",
    }
    assert set(await both.ok("mod_school", school_id=school_id, name="二中", addr="镇", phone="")) == {
        "err_code",
        "err_msg",
    }
    row = (await both.ok("list_school"))["data"][0]
    assert (row["name"], row["addr"], row["phone"]) == ("二中", "镇", "")
    await both.ok("del_school", school_id=f"{school_id},777")
    assert (await both.ok("list_school"))["total_num"] == 1


REFUSED: list[tuple[str, dict[str, object], int]] = [
    ("add_school", {}, 1008),
    ("add_school", {"addr": "x"}, 1008),
    ("add_school", {"name": "x"}, 1009),
    ("add_school", {"name": "", "addr": "x"}, 1008),
    ("mod_school", {}, 1010),
    ("mod_school", {"school_id": 1}, 1008),
    ("mod_school", {"school_id": 1, "name": "x"}, 1009),
    ("mod_school", {"school_id": 99, "name": "x", "addr": "y"}, 1010),
    ("mod_school", {"school_id": "x", "name": "x", "addr": "y"}, 1010),
    ("mod_school", {"school_id": "9" * 40, "name": "x", "addr": "y"}, 1010),
    ("del_school", {}, 1010),
    ("del_school", {"school_id": "1;2"}, 1010),
    ("del_school", {"school_id": ","}, 1010),
    ("add_subject", {}, 1008),
    ("mod_subject", {"subject_name": "x"}, 1010),
    ("mod_subject", {"subject_id": 1}, 1008),
    ("mod_subject", {"subject_id": 999, "subject_name": "x"}, 1010),
    ("del_subject", {}, 1010),
    ("add_teacher", {"teacher_name": "x", "sex_name": "男", "title_id": 2}, 1008),
    ("add_teacher", {"teacher_name": "x", "sex_name": "男", "title_name": "一级教师"}, 1010),
    ("mod_teacher", {"teacher_name": "x"}, 1010),
    ("mod_teacher", {"teacher_id": 1}, 1008),
    ("mod_teacher", {"teacher_id": 999, "sex_name": "女"}, 1010),
    ("del_teacher", {}, 1010),
]


async def test_refusals(both: Api) -> None:
    for endpoint, params, code in REFUSED:
        assert await both.code(endpoint, **params) == code, (endpoint, params)


async def test_subject(both: Api) -> None:
    subject_id = (await both.ok("add_subject", subject_name="天文"))["subject_id"]
    assert (await both.ok("list_subject"))["data"][0]["subject_name"] == "天文"
    await both.ok("mod_subject", subject_id=subject_id, subject_name="地质")
    assert (await both.ok("list_subject"))["data"][0]["subject_name"] == "地质"
    await both.ok("del_subject", subject_id=subject_id)
    assert (await both.ok("list_subject"))["data"][0]["subject_name"] != "地质"


async def test_teacher(both: Api) -> None:
    new = {"teacher_name": "李老师", "sex_name": "女", "title_name": "一级教师", "title_id": 2, "detail_info": "描述"}
    teacher_id = (await both.ok("add_teacher", **new))["teacher_id"]
    row = (await both.ok("list_teacher"))["data"][0]
    assert {name: row[name] for name in new} == new
    await both.ok("mod_teacher", teacher_id=teacher_id, sex_name="男")
    row = (await both.ok("list_teacher"))["data"][0]
    assert (row["teacher_name"], row["sex_name"], row["title_id"]) == ("李老师", "男", 2)
    await both.ok("del_teacher", teacher_id=teacher_id)
    assert (await both.ok("list_teacher"))["total_num"] == 1


async def test_grades_are_there_from_the_first_run(both: Api) -> None:
    answer = await both.ok("list_grade", per=100)
    names = {(row["grade_type"], row["grade_name"]) for row in answer["data"]}
    assert {("小学", "一年级"), ("初中", "初三"), ("高中", "高一")} <= names
    assert set(answer["data"][0]) == {"grade_id", "grade_type", "grade_name", "created", "updated"}


async def test_values_come_back_as_they_were_given(both: Api) -> None:
    for text in AWKWARD:
        await both.ok("add_subject", subject_name=text)
        assert (await both.ok("list_subject", per=1))["data"][0]["subject_name"] == text


async def test_pages(both: Api) -> None:
    everything = await both.ok("list_grade", per=1000)
    total = everything["total_num"]
    ids = [row["grade_id"] for row in everything["data"]]
    assert ids == sorted(ids, reverse=True)
    first = await both.ok("list_grade")
    assert (first["cur_page"], first["per_page"], len(first["data"])) == (1, 10, 10)
    assert first["max_page"] == -(-total // 10)
    second = await both.ok("list_grade", cur=2, per=7)
    assert [row["grade_id"] for row in second["data"]] == ids[7:14]


async def test_pages_are_clamped(api: Api) -> None:
    wanted: list[tuple[object, object, int, int]] = [
        (999, 10, 2, 10),
        (0, 10, 1, 10),
        (-5, 10, 1, 10),
        (1, 0, 1, 1),
        (1, -1, 1, 1),
        ("x", "y", 1, 10),
        (1, 10**9, 1, 1000),
    ]
    for cur, per, cur_page, per_page in wanted:
        answer = await api.ok("list_grade", cur=cur, per=per)
        assert (answer["cur_page"], answer["per_page"]) == (cur_page, per_page), (cur, per)
        assert answer["data"]


async def test_empty_list_is_a_list(both: Api) -> None:
    answer = await both.ok("list_gather")
    assert (answer["data"], answer["total_num"], answer["max_page"], answer["cur_page"]) == ([], 0, 0, 1)
