"""What the command line says to people, in English and Chinese. Logs are English always."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

Language = Literal["en", "zh"]

_WORDS: dict[str, tuple[str, str]] = {
    # the live display
    "console": ("Console", "控制台"),
    "set_up_here": (
        "open it in a browser on this machine and choose your password",
        "请在本机浏览器中打开并设置密码",
    ),
    "set_up_anywhere": (
        "open it and choose your password; from another machine with the set-up code {code}",
        "请打开并设置密码；从其他电脑打开时需要初始化码 {code}",
    ),
    "plain_http": (
        "Warning: passwords and pictures travel unencrypted to {host}. Put it behind TLS (docs/operations.md).",
        "警告：通过 {host} 访问时，密码和画面未加密传输。请使用 TLS（见 docs/operations.md）。",
    ),
    "log": ("Log", "日志"),
    "server": ("Server", "服务器"),
    "channel": ("Channel", "通道"),
    "state": ("State", "状态"),
    "source": ("Source", "来源"),
    "recording": ("Recording", "录像"),
    "finished": ("Finished slices", "已完成切片"),
    "length": ("Length", "时长"),
    "size": ("Size", "大小"),
    "where": ("Where", "位置"),
    "news": ("News", "动态"),
    "ctrl_c": ("Ctrl-C ends it: files are closed and uploaded first", "按 Ctrl-C 结束：先关闭并上传文件"),
    "more": ("... and {count} more", "……另有 {count} 个"),
    "slice_disk": ("on this disk", "在本机磁盘"),
    "slice_stored": ("uploaded", "已上传"),
    "slice_listed": ("uploaded and listed", "已上传并可点播"),
    "rec": ("REC {elapsed}", "正在录像 {elapsed}"),
    "rec_due": ("due, nothing arrives yet", "应当录像，尚无画面"),
    "until": ("until {end}", "至 {end}"),
    "no_end": ("until stopped", "直到停止"),
    "by_hand": ("by hand", "手动录像"),
    "lesson": ("lesson {course_id}", "课程 {course_id}"),
    "news_slice": (
        "{channel}: slice {number} is finished, {length}, {size}",
        "{channel}：切片 {number} 已完成，{length}，{size}",
    ),
    "news_stored": ("{channel}: slice {number} is uploaded", "{channel}：切片 {number} 已上传"),
    "news_listed": ("{channel}: slice {number} is listed, it can be watched", "{channel}：切片 {number} 可点播"),
    "news_registered": ("registered with the server as recorder {number}", "已在服务器注册，采集端编号 {number}"),
    "news_ended": ("{channel}: the recording has ended", "{channel}：录像结束"),
    "news_gap": ("{channel}: {seconds} s could not be recorded: {cause}", "{channel}：缺失 {seconds} 秒：{cause}"),
    "news_cause": ("{channel}: {state}: {cause}", "{channel}：{state}：{cause}"),
    "sub_stream": ("{channel} (sub stream)", "{channel}（子码流）"),
    "news_state": ("{channel}: {state}", "{channel}：{state}"),
    # why a camera is not there or something could not be recorded (recorder.specs.Cause)
    "cause_unreachable": ("the camera cannot be reached", "摄像机无法连接"),
    "cause_unauthorized": ("the camera refuses user or password", "摄像机拒绝用户名或密码"),
    "away_unauthorized": (
        "start the channel anew when it is right: it is tried about every 15 minutes only, as cameras lock",
        "更正后请重新启动通道；为免账号被锁定，约每 15 分钟才重试一次",
    ),
    "cause_not_found": ("the camera has no such stream, or the file is not there", "没有该码流或文件"),
    "cause_timeout": ("the camera does not answer in time", "摄像机响应超时"),
    "cause_stalled": ("the camera fell silent", "摄像机中断"),
    "cause_ended": ("the camera closed the stream", "摄像机关闭了码流"),
    "cause_unusable": ("the camera sends nothing that can be recorded", "码流无法录制"),
    "cause_refused_url": ("an address that is never opened", "不允许的地址"),
    "cause_disk": ("the disk did not take it", "磁盘写入失败"),
    "cause_overflow": ("the disk was too slow", "磁盘太慢"),
    "cause_packet_loss": ("the network lost it", "网络丢包"),
    "cause_sound_lost": ("the network lost some sound; the picture is there", "网络丢失部分声音，画面完整"),
    "cause_restart": ("the recorder was down", "录像进程未运行"),
    "cause_late": ("the recorder came later than the lesson", "录像晚于课程开始"),
    "cause_clock": ("this machine's clock was set forward", "本机时钟被调快"),
    "cause_asleep": ("this machine slept", "本机休眠"),
    "cause_no_key_frame": ("no key frame to begin with", "没有关键帧"),
    "cause_stopped": ("stopped by hand", "手动停止"),
    # live: its states; why it is not there stands in agent.wire.live_causes
    "live_live": ("live at {target}", "正在直播到 {target}"),
    "live_connecting": ("connecting to {target} for live", "正在连接直播服务器 {target}"),
    "live_waiting": ("live at {target} waits: {cause}", "直播到 {target} 等待中：{cause}"),
    "live_ended": ("live at {target} is over", "直播到 {target} 已结束"),
    "live_since": ("since {time} ({elapsed})", "自 {time} 起（{elapsed}）"),
    "live_retry": ("next try at {time}", "{time} 重试"),
    "live_advice": ("what to do: {advice}", "处理：{advice}"),
    "live_skipped": ("{count} packets skipped, the line is slow", "线路较慢，已跳过 {count} 个数据包"),
    # states of a channel
    "off": ("off", "已停止"),
    "starting": ("starting", "启动中"),
    "connecting": ("connecting", "连接中"),
    "online": ("online", "在线"),
    "waiting": ("not available, tried again", "不可用，将重试"),
    "idle": ("rests until a recording is near", "待机，临近录像时连接"),
    "down": ("down", "离线"),
    # states of the link
    "link_offline": ("not connected", "未连接"),
    "link_registering": ("registering", "注册中"),
    "link_registered": ("registered, relay not connected", "已注册，中转未连接"),
    "link_connected": ("connected", "已连接"),
    # why the link does not stand (agent.link.failure)
    "link_cause_dns": ("the server's name is not known to the network (DNS)", "无法解析服务器域名（DNS）"),
    "link_cause_unreachable": ("the server cannot be reached", "无法连接服务器"),
    "link_cause_timeout": ("the server does not answer in time", "服务器响应超时"),
    "link_cause_dropped": ("the server or the network broke the connection off", "连接被服务器或网络中断"),
    "link_cause_proxy": ("the proxy does not lead to the server", "代理无法连接到服务器"),
    "link_cause_tls_name": ("the server's certificate is for another host name", "服务器证书与主机名不符"),
    "link_cause_tls_expired": ("the server's certificate has expired", "服务器证书已过期"),
    "link_cause_tls_too_early": (
        "the server's certificate is not valid yet; check this machine's clock",
        "服务器证书尚未生效，请检查本机时钟",
    ),
    "link_cause_tls_unknown": (
        "the server's certificate is signed by nobody this machine trusts; set server.ca_file",
        "服务器证书的签发机构不受信任，请设置 server.ca_file",
    ),
    "link_cause_tls": ("no secure connection to the server", "无法与服务器建立安全连接"),
    "link_cause_refused": (
        "the server refuses this recorder's key or token; take a new enrol key from its console",
        "服务器拒绝本机的密钥或令牌，请在控制台获取新的注册密钥",
    ),
    "link_cause_no_key": ("no enrol key is set (server.enrol_key)", "未设置注册密钥（server.enrol_key）"),
    "link_cause_busy": ("the server asks to be left alone for a while", "服务器繁忙，要求稍后重试"),
    "link_cause_broken": ("the server is out of order", "服务器故障"),
    "link_cause_redirect": (
        "the address leads elsewhere; set server.url to where the server really is",
        "该地址被重定向，请将 server.url 设为服务器的真实地址",
    ),
    "link_cause_garbage": (
        "what answers there is no server of this protocol; check server.url",
        "对方不是本协议的服务器，请检查 server.url",
    ),
    "link_cause_said_no": ("the server says no", "服务器拒绝了请求"),
    "link_cause_relay": ("the relay link dropped", "中转连接中断"),
    "link_cause_twin": (
        "another agent with this identity is connected: was this disk copied? On one of the two, stop the service,"
        " delete agent.json, agent.json.kept and token in the state folder, and enrol it anew",
        "另有一台采集端使用相同身份连接服务器：是否复制过磁盘？请在其中一台停止服务，删除状态目录中的 agent.json、"
        "agent.json.kept 和 token，然后重新注册",
    ),
    "link_and_queue": ("{link}. {queue}", "{link}。{queue}"),
    "no_server": ("none configured: recordings stay on this disk", "未配置：录像保留在本机"),
    # whole sentences
    "making_sample": ("Making a sample classroom film ({path}) ...", "正在生成示例课堂视频（{path}）……"),
    "starting_up": ("Starting ...", "正在启动……"),
    "now_recording": ("Now recording {what} from {channel}, {until}.", "正在录制{channel}：{what}，{until}。"),
    "nothing_recording": ("Nothing is being recorded right now.", "当前没有录像。"),
    "next_lesson": ("Next: {what}, {channel}, {when}.", "下一节：{what}，{channel}，{when}。"),
    "no_lessons": ("No lesson is planned for the coming week.", "未来一周没有课程安排。"),
    "queue_none": ("No slice is finished yet.", "还没有已完成的切片。"),
    "queue_empty": (
        "Everything recorded is with the server (slices: {done}).",
        "全部录像均已交付服务器（{done} 个）。",
    ),
    "queue": (
        "Slices recorded: {total}. Still to upload: {waiting} ({size}), uploaded but not yet confirmed: {unlisted}.",
        "共 {total} 个切片，{waiting} 个待上传（{size}），{unlisted} 个已上传待确认。",
    ),
    "queue_paused": ("Uploads are paused: {error}", "上传已暂停：{error}"),
    "queue_error": ("Last upload failed: {error}", "最近一次上传失败：{error}"),
    "closing": ("Closing files and uploading what was just recorded ...", "正在关闭文件并上传刚刚的录像……"),
    "summary": ("Recorded: {minutes} minutes, slices: {slices}.", "共录制 {minutes} 分钟，{slices} 个切片。"),
    "summary_none": ("Nothing was recorded.", "没有产生录像。"),
    "summary_listed": (
        "Uploaded and listed: {listed}. The files are in {folder}",
        "已上传并可点播：{listed} 个，文件位于 {folder}",
    ),
    "summary_left": (
        "Still only on this disk: {left}, in {folder}; they go up at the next start.",
        "仅在本机：{left} 个，位于 {folder}，下次启动时上传。",
    ),
    "serving": ("The server listens on {url}", "服务器地址 {url}"),
    "kept_secrets": (
        "API credential and enrol key: in the console, and in {file}",
        "接口凭证和采集端接入密钥：见控制台，或文件 {file}",
    ),
    "port_taken": ("Port {port} is taken, another one is used.", "端口 {port} 已被占用，改用其他端口。"),
    # status
    "not_running": (
        "gather-agent is not running: nobody answers at {socket}. `gather-agent doctor` says what is wrong;"
        " a service is started with `systemctl start gather-agent`.",
        "采集端未运行：{socket} 无人应答。"
        "运行 gather-agent doctor 可查明原因；服务用 systemctl start gather-agent 启动。",
    ),
    "door_closed": (
        "this user may not ask the running gather-agent ({socket}): try again with sudo, or as the service's user",
        "当前用户无权访问正在运行的采集端（{socket}）：请用 sudo 或以服务用户身份重试",
    ),
    "no_permission": (
        "this user may not use {path}: try again with sudo, or as the service's user ({error})",
        "当前用户无权使用 {path}：请用 sudo 或以服务用户身份重试（{error}）",
    ),
    "no_answer": ("no answer from {socket}: {error}", "{socket} 没有应答：{error}"),
    "other_version": (
        "the daemon's answer is not understood; is it of another version? Restart the service after an update. {error}",
        "无法理解守护进程的应答，版本可能不一致。更新后请重启服务。{error}",
    ),
    "head": ("{name}, version {version}, process {pid}", "{name}，版本 {version}，进程 {pid}"),
    "healthy": ("All is well.", "一切正常。"),
    "degraded": ("Recording works, something else does not: {why}", "录像正常，但存在其他问题：{why}"),
    "not_recording": ("NOT RECORDING though it should: {why}", "应当录像但没有录像：{why}"),
    "disk_free": ("{size} free on the disk of the recordings.", "录像磁盘剩余 {size}。"),
    "disk_short": (
        "the disk will not hold {lesson} ({when}): {need} are needed, {room} are there; full at {full}",
        "磁盘空间不足以录制{lesson}（{when}）：需要 {need}，可用 {room}，预计 {full} 写满",
    ),
    "disk_low": (
        "little room on the disk of the recordings: {free} free, less than the reserve",
        "录像磁盘空间不足：剩余 {free}，低于保留空间",
    ),
    "disk_full": ("the disk of the recordings is full ({free} free)", "录像磁盘已满（剩余 {free}）"),
    "disk_read_only": ("the disk of the recordings is read-only", "录像磁盘为只读"),
    "disk_failing": ("the disk of the recordings takes nothing", "录像磁盘无法写入"),
    "disk_missing": ("the disk of the recordings is not mounted", "录像磁盘未挂载"),
    "queue_opens": ("Uploads wait for their hours, from {when} on.", "上传将在 {when} 的时段开始。"),
    "why_link": ("the server is not connected", "服务器未连接"),
    "why_link_cause": ("the server is not connected: {cause}", "服务器未连接：{cause}"),
    "why_journal": (
        "the journal in the state folder cannot be written: {error}; lessons are recorded, uploads and account wait",
        "状态目录中的日志库无法写入：{error}；录像继续，上传和记录暂缓",
    ),
    "why_clock": (
        "this machine's clock is {seconds} s {direction} the server's",
        "本机时钟比服务器{direction} {seconds} 秒",
    ),
    "ahead": ("ahead of", "快"),
    "behind": ("behind", "慢"),
    "why_channel": ("{channel} is {state}", "{channel} {state}"),
    "why_upload": ("uploads fail", "上传失败"),
    "why_unknown_here": (
        "there is no server and no camera: make this machine known with `gather-agent enrol URL KEY`",
        "没有服务器，也没有摄像机：用 `gather-agent enrol 地址 密钥` 登记本机",
    ),
    "why_paused": ("uploads are paused", "上传已暂停"),
    "because": (" ({why})", "（{why}）"),
    "why_missing": ("{channel} records nothing", "{channel}没有录上"),
    "why_black": ("{channel}: the picture is black", "{channel}：画面全黑"),
    "why_frozen": ("{channel}: the picture stands still", "{channel}：画面静止"),
    "why_silent": ("{channel}: the sound is silent", "{channel}：没有声音"),
    "why_no_audio": ("{channel}: no sound track arrives", "{channel}：缺少音轨"),
}


class Words:
    """The words of one language: `words("queue_paused", error="...")`. `more` are those of a room of their own."""

    def __init__(self, language: Language = "en", more: Mapping[str, tuple[str, str]] | None = None) -> None:
        self.language = language
        self._table = _WORDS | dict(more or {})
        self._column = 0 if language == "en" else 1

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, filled in. `KeyError` for a key that does not exist."""
        return self._table[key][self._column].format(**values)

    def cause(self, word: str) -> str:
        """A word of `recorder.specs.Cause` as a sentence; one that is not known stands for itself."""
        return self._table[f"cause_{word}"][self._column] if f"cause_{word}" in self._table else word

    def trouble(self, cause: str) -> str:
        """Why a channel is away, and what to do where waiting does not mend it; empty where no cause is known."""
        advice = f"away_{cause}"
        return "; ".join(filter(None, (cause and self.cause(cause), self(advice) if advice in self._table else "")))

    def time(self, moment: float) -> str:
        """Unix seconds as this machine's time of day: `10:45:00`."""
        return datetime.fromtimestamp(moment).astimezone().strftime("%H:%M:%S")

    def day(self, moment: float) -> str:
        """Unix seconds as weekday, day and time: `Mon 24.11. 10:45`."""
        local = datetime.fromtimestamp(moment).astimezone()
        weekday = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[local.weekday()]
        if self.language == "zh":
            return f"{local.month}月{local.day}日 星期{'一二三四五六日'[local.weekday()]} {local:%H:%M}"
        return f"{weekday} {local:%d.%m. %H:%M}"


def language_of(env: Mapping[str, str]) -> Language:
    """The language that the locale's variables ask for: Chinese where they say `zh...`, English otherwise."""
    chosen = next(filter(None, (env.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh" if chosen.lower().startswith("zh") else "en"


def clock(seconds: float) -> str:
    """A length as `4:05` or `1:04:05`."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"


def megabytes(size: float) -> str:
    """A size as `4.2 MB`, from 1 GB on `1.3 GB`."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
