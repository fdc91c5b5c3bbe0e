"""What the commands say beyond `agent.words`, in English and Chinese."""

from __future__ import annotations

PHRASES: dict[str, tuple[str, str]] = {
    # password
    "password_new": ("New password of {name}: ", "{name} 的新密码："),
    "password_again": ("Once more: ", "再次输入："),
    "password_differ": ("The two passwords differ; nothing was changed.", "两次输入的密码不一致，未作修改。"),
    "password_rule": (
        "A password has {least} to {most} characters, and is not the name; nothing was changed.",
        "密码须为 {least} 到 {most} 个字符，且不能与用户名相同；未作修改。",
    ),
    "password_set": (
        "{name} signs in with the new password; browsers that were signed in are not any more.",
        "{name} 的密码已更新；之前登录的浏览器已全部退出。",
    ),
    "password_whose": ("Whose password? There are: {names}", "请指定用户名。现有用户：{names}"),
    "password_nobody": (
        "Nobody has an account yet. Name one, and it becomes the owner: gather-agent password NAME",
        "还没有用户。请指定用户名，它将成为管理员：gather-agent password 用户名",
    ),
    "password_no_server": ("{folder} holds no server", "{folder} 中没有服务器数据"),
    # columns
    "col_time": ("Time", "时间"),
    "col_lesson": ("Lesson", "课程"),
    "col_recorded": ("Recorded", "已录"),
    "col_missing": ("Missing", "缺失"),
    "col_uploaded": ("Uploaded", "已上传"),
    "col_number": ("No.", "编号"),
    "col_tracks": ("Tracks", "音视频"),
    "col_rate": ("Rate", "码率"),
    "col_packet": ("Last packet", "最近数据包"),
    "col_picture": ("Picture", "截图"),
    "col_sub": ("Sub stream", "子码流"),
    "col_file": ("Slice", "切片"),
    "col_tries": ("Tries", "次数"),
    "col_next": ("Next try", "下次重试"),
    "col_error": ("Last error", "最近错误"),
    # lessons
    "lessons_of": ("Lessons of {day} ({zone})", "{day} 的课程（{zone}）"),
    "lessons_none": ("No lesson.", "没有课程。"),
    "lesson_coming": ("coming", "未开始"),
    "lesson_due": ("DUE, NOTHING ARRIVES", "应录未录，没有画面"),
    "lesson_recording": ("recording", "正在录像"),
    "lesson_recorded": ("recorded", "已录完整"),
    "lesson_partly": ("WITH GAPS", "有缺失"),
    "lesson_missed": ("MISSED", "未录到"),
    "lesson_not_due": ("not due", "无需录像"),
    "gap_line": ("{since} to {until}, {seconds} s: {cause}", "{since} 至 {until}，{seconds} 秒：{cause}"),
    "lessons_offline": (
        "gather-agent is not running. This is what its journal and timetable on disk say:",
        "采集端未运行。以下内容来自磁盘上的日志库和课程表：",
    ),
    "cause_not_running": ("the agent is not running", "采集端未运行"),
    "bad_day": (
        "--day: a date such as 2026-11-24, or today, tomorrow, yesterday",
        "--day：日期（如 2026-11-24），或 today、tomorrow、yesterday",
    ),
    # cameras
    "cameras_none": ("No channel. Channels are added on the server.", "没有通道。请在服务器上添加通道。"),
    "seconds_ago": ("{seconds} s ago", "{seconds} 秒前"),
    "no_such_camera": (
        "there is no channel {camera}. There are: {known}",
        "没有通道 {camera}。现有通道：{known}",
    ),
    "ambiguous_camera": ("several channels are called {camera}: use the number", "有多个通道名为 {camera}：请用编号"),
    # uploads
    "upload_uploading": ("on its way", "上传中"),
    "upload_waiting": ("waits for its turn", "排队中"),
    "upload_retrying": ("failed, tried again", "失败，将重试"),
    "upload_paused": ("paused", "已暂停"),
    "upload_stored": ("uploaded, not confirmed yet", "已上传，待确认"),
    "uploads_paused_now": (
        "Uploads are paused. What is on its way arrives; recording goes on."
        " `gather-agent uploads resume` lets them go.",
        "上传已暂停。正在上传的文件会完成，录像照常进行。用 gather-agent uploads resume 恢复。",
    ),
    "uploads_resumed": ("Uploads go on.", "上传已恢复。"),
    # record, snapshot
    "recording_by_hand": ("{channel}: recording, until {end}.", "{channel}：开始录像，至 {end}。"),
    "recording_open_end": (
        "{channel}: recording, until `gather-agent record stop {number}`.",
        "{channel}：开始录像，直到执行 gather-agent record stop {number}。",
    ),
    "record_waits": (
        "{channel} is not there now: it is recorded as soon as it is (`gather-agent cameras` says why).",
        "{channel}当前不在线，恢复后立即录像（原因见 gather-agent cameras）。",
    ),
    "recording_stopped": ("{channel}: the recording by hand has ended.", "{channel}：手动录像已结束。"),
    "picture_taken": ("{channel}: new picture, {width}x{height}.", "{channel}：新截图，{width}x{height}。"),
    "picture_saved": (
        "{channel}: new picture, {width}x{height}: {path}",
        "{channel}：新截图，{width}x{height}：{path}",
    ),
    "col_token": ("Token", "标识"),
    "preset_shown": ("{channel} looks at {preset}", "{channel} 已转到预置位 {preset}"),
    "presets_none": (
        "{channel}: no preset is stored in the camera; store some in its own pages",
        "{channel}：摄像机中没有保存预置位，请先在摄像机网页中设置",
    ),
    "refused_10101": ("this agent has no such channel", "采集端没有这个通道"),
    "refused_10103": ("{channel}: no recording by hand is on", "{channel}：没有正在进行的手动录像"),
    "refused_10104": ("{channel}: no picture can be had now ({why})", "{channel}：暂时无法截图（{why}）"),
    "refused_10107": (
        "{channel} is stopped; it is started on the server, or by a lesson",
        "{channel} 已停止；请在服务器上启动，或等待课程开始",
    ),
    "refused": ("not done: {why} ({code})", "未能执行：{why}（{code}）"),
    # enrol
    "enrol_ask_key": ("Enrol key (from the server's console): ", "注册密钥（见服务器控制台）："),
    "enrol_no_key": ("an enrol key is needed; the server's console shows it", "需要注册密钥，请在服务器控制台查看"),
    "enrol_elsewhere": (
        "this machine belongs to {url} already. Nothing was changed. With --again it goes to the new server, which also"
        " gets what has not been uploaded yet.",
        "本机已属于 {url}，未作任何更改。使用 --again 可改到新服务器，尚未上传的录像也会交给新服务器。",
    ),
    "enrol_no_permission": (
        "{path} may not be changed by this user: try again with sudo",
        "当前用户无权修改 {path}，请用 sudo 重试",
    ),
    "enrol_unchanged": ("Nothing was changed.", "未作任何更改。"),
    "enrol_plain": (
        "Note: to {url} key, token and recordings travel unencrypted; https:// would protect them.",
        "提示：到 {url} 的密钥、令牌和录像未加密传输；使用 https:// 可加以保护。",
    ),
    "enrol_cannot_edit": (
        "{path} is written in a way that this command does not change. Write there yourself, {what}",
        "{path} 的写法无法由本命令修改，请自行写入 {what}",
    ),
    "enrol_written": (
        "{url} is written into {config}, the key into {file}.",
        "已将 {url} 写入 {config}，密钥写入 {file}。",
    ),
    "enrol_no_service": ("systemctl {order} failed: {why}", "systemctl {order} 失败：{why}"),
    "enrol_not_yet": (
        "the service is started, and the server has not let it in yet. It goes on trying;"
        " `gather-agent status` and `gather-agent doctor` say more.",
        "服务已启动，但尚未被服务器接受。它会继续尝试；可查看 gather-agent status 和 gather-agent doctor。",
    ),
    "enrol_done": ("Enrolled: recorder {number} of {url}.", "注册完成：{url} 的采集端 {number}。"),
    "enrol_already": (
        "Enrolled already: recorder {number} of {url}. Nothing was changed.",
        "此前已注册：{url} 的采集端 {number}。未作任何更改。",
    ),
    "enrol_restart_yourself": (
        "a gather-agent runs that no service of systemd started: stop and start it, then it enrols by itself",
        "有一个并非由 systemd 启动的采集端正在运行：请将其停止后重新启动，它会自行注册",
    ),
    "enrol_start_yourself": ("Start it: gather-agent run", "启动：gather-agent run"),
    # discover
    "col_address": ("Address", "地址"),
    "col_name": ("Name", "名称"),
    "col_hardware": ("Model", "型号"),
    "discover_new": ("new", "新"),
    "discover_next": (
        "Before a new one is added on the server as an IPC channel: gather-agent doctor onvif://{host} --user USER"
        " --password-file FILE",
        "在服务器上添加为 IPC 通道之前，可先检查：gather-agent doctor onvif://{host} --user 用户名"
        " --password-file 密码文件",
    ),
    "discover_far": (
        "{host} answers and is in no network of this machine: give the camera an address in one.",
        "{host} 有应答，但不在本机所在的任何网段：请为该摄像机设置本网段的地址。",
    ),
    "discover_gone": (
        "Channel {channel} is away and no camera answers at {host}: is it one of the new ones, with another address"
        " (DHCP)?  Correct it on the server, and reserve addresses for cameras in the router.",
        "通道 {channel} 不在线，{host} 也没有摄像机应答：是否是上面某台新摄像机换了地址（DHCP）？"
        "请在服务器上更正，并在路由器中为摄像机固定地址。",
    ),
    "discover_silent": (
        "Channel {channel} is away and no camera answers at {host}: power, cable, address?",
        "通道 {channel} 不在线，{host} 没有摄像机应答：请检查电源、网线和地址。",
    ),
    "col_service": ("ONVIF service", "ONVIF 服务"),
    "discover_none": (
        "No ONVIF camera answered within {seconds} s.  Is ONVIF switched on in the camera, and is it in this network?",
        "{seconds} 秒内没有 ONVIF 摄像机应答。请确认摄像机已启用 ONVIF，并与本机在同一网络。",
    ),
    "discover_failed": ("this machine cannot ask: {why}", "本机无法发出查询：{why}"),
    # check
    "check_fine": (
        "All is well: {slices} slices in the journal, {files} on this disk ({size}), level: {level}.",
        "一切正常：日志库中 {slices} 个切片，本机 {files} 个（{size}），检查级别：{level}。",
    ),
    "check_head": (
        "Slices in the journal: {slices}, on this disk: {files} ({size}), level: {level}.",
        "日志库中 {slices} 个切片，本机 {files} 个（{size}），检查级别：{level}。",
    ),
    "check_lost": (
        "LOST: the file is gone and was not uploaded ({about}); --repair makes it a gap of its lesson",
        "已丢失：文件不存在且尚未上传（{about}）；--repair 会将其记为该课程的缺失",
    ),
    "check_damaged": (
        "DAMAGED and not uploaded: {about}",
        "已损坏且尚未上传：{about}",
    ),
    "check_gone": (
        "the file is gone, the server has it ({about}); --repair notes that",
        "本机文件不存在，服务器已有（{about}）；--repair 会更正记录",
    ),
    "check_worn": ("the local file is damaged, the server has it: {about}", "本机文件已损坏，服务器已有：{about}"),
    "check_unknown": (
        "a finished slice that the journal does not know; the next start, or --repair, takes it in",
        "日志库中没有记录的完整切片；下次启动或 --repair 时会收录",
    ),
    "check_open": (
        "left open by a crash; the next start, or --repair, mends it",
        "崩溃后未关闭的切片；下次启动或 --repair 时会修复",
    ),
    "check_being_written": ("being written right now", "正在写入"),
    "check_left": ("the journal calls it removed, but it is still there", "日志库标记为已删除，但文件仍在"),
    "check_thumbnail": ("its thumbnail is gone", "缩略图不存在"),
    "check_unusable": ("nothing playable was found in it; kept aside", "其中没有可播放内容，已单独保留"),
    "check_journal": ("the journal itself is damaged: {about}", "日志库本身已损坏：{about}"),
    "check_no_journal": (
        "There is no journal at {path}: this agent has never run.",
        "{path} 没有日志库：采集端从未运行。",
    ),
    "check_repaired": ("--repair: {count} put right.", "--repair：已修正 {count} 项。"),
    "check_running": (
        "gather-agent runs with this folder (process {pid}): it mends by itself at its start. Stop it before --repair.",
        "采集端正在使用该目录（进程 {pid}），启动时会自动修复。请先停止再用 --repair。",
    ),
    # doctor
    "doctor_looking": ("Looking; a camera takes up to half a minute ...", "正在检查，每台摄像机最多约半分钟……"),
    "doctor_fine": ("Nothing has to be mended.", "无需处理。"),
    "doctor_found": (
        "Does not work: {errors}. Should be mended: {warnings}.",
        "故障 {errors} 项，建议处理 {warnings} 项。",
    ),
    "severity_ok": ("ok", "正常"),
    "severity_note": ("note", "提示"),
    "severity_warning": ("WARNING", "警告"),
    "severity_error": ("ERROR", "故障"),
    # logs
    "logs_none": (
        "no log was found: neither the journal of the unit {unit} nor a file {file}. Logs go to stderr of whoever"
        " started gather-agent.",
        "没有找到日志：既没有单元 {unit} 的系统日志，也没有文件 {file}。日志输出到启动者的标准错误。",
    ),
}
