"""3.3 to 3.15: schools, subjects, grades, teachers; and paging, which all lists share."""

from __future__ import annotations

from tests.standalone.helpers import Api


async def test_school(api: Api) -> None:
    added = await api.ok("add_school", name="东升一中", addr="东升镇", phone="010-6267772")
    school_id = added["school_id"]
    listed = await api.ok("list_school")
    assert listed["total_num"] == 2
    assert listed["data"][0] == {
        "school_id": school_id,
        "name": "东升一中",
        "addr": "东升镇",
        "phone": "010-6267772",
        "created": "2026-11-24 10:00:00",
        "updated": "2026-11-24 10:00:00",
    }
    assert set(await api.ok("mod_school", school_id=school_id, name="二中", addr="镇", phone="")) == {
        "err_code",
        "err_msg",
    }
    row = (await api.ok("list_school"))["data"][0]
    assert (row["name"], row["addr"], row["phone"]) == ("二中", "镇", "")
    await api.ok("del_school", school_id=f"{school_id},777")
    assert (await api.ok("list_school"))["total_num"] == 1


async def test_subject(api: Api) -> None:
    subject_id = (await api.ok("add_subject", subject_name="天文"))["subject_id"]
    assert (await api.ok("list_subject"))["data"][0]["subject_name"] == "天文"
    await api.ok("mod_subject", subject_id=subject_id, subject_name="地质")
    assert (await api.ok("list_subject"))["data"][0]["subject_name"] == "地质"
    await api.ok("del_subject", subject_id=subject_id)
    assert (await api.ok("list_subject"))["data"][0]["subject_name"] != "地质"


async def test_teacher(api: Api) -> None:
    new = {"teacher_name": "李老师", "sex_name": "女", "title_name": "一级教师", "title_id": 2, "detail_info": "描述"}
    teacher_id = (await api.ok("add_teacher", **new))["teacher_id"]
    row = (await api.ok("list_teacher"))["data"][0]
    assert {name: row[name] for name in new} == new
    await api.ok("mod_teacher", teacher_id=teacher_id, sex_name="男")
    row = (await api.ok("list_teacher"))["data"][0]
    assert (row["teacher_name"], row["sex_name"], row["title_id"]) == ("李老师", "男", 2)
    await api.ok("del_teacher", teacher_id=teacher_id)
    assert (await api.ok("list_teacher"))["total_num"] == 1


async def test_grades_are_there_from_the_first_run(api: Api) -> None:
    answer = await api.ok("list_grade", per=100)
    names = {(row["grade_type"], row["grade_name"]) for row in answer["data"]}
    assert {("小学", "一年级"), ("初中", "初三"), ("高中", "高一")} <= names
    assert set(answer["data"][0]) == {"grade_id", "grade_type", "grade_name", "created", "updated"}


async def test_pages(api: Api) -> None:
    everything = await api.ok("list_grade", per=1000)
    total = everything["total_num"]
    ids = [row["grade_id"] for row in everything["data"]]
    assert ids == sorted(ids, reverse=True)
    first = await api.ok("list_grade")
    assert (first["cur_page"], first["per_page"], len(first["data"])) == (1, 10, 10)
    assert first["max_page"] == -(-total // 10)
    second = await api.ok("list_grade", cur=2, per=7)
    assert [row["grade_id"] for row in second["data"]] == ids[7:14]


async def test_empty_list_is_a_list(api: Api) -> None:
    answer = await api.ok("list_gather")
    assert (answer["data"], answer["total_num"], answer["max_page"], answer["cur_page"]) == ([], 0, 0, 1)
