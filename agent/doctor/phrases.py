"""What each finding says: English and Chinese, and what to do in both. `{where}` is what the finding is about."""

from __future__ import annotations

from agent.doctor.camera_phrases import CAMERA, Phrase
from agent.wire.live_causes import LIVE_ALL_THE_SAME, LIVE_CAUSES

_DAEMON: dict[str, Phrase] = {
    "config_wrong": (
        "the configuration is wrong, {where} {key}: {why}. A daemon that runs keeps the one it has; none starts with"
        " this",
        "配置有误，{where} {key}：{why}。守护进程继续使用原有配置，但无法用它启动",
        "write: {instead}; `gather-agent config check` looks again",
        "应写为：{instead}；可用 gather-agent config check 再次检查",
    ),
    "daemon_well": ("gather-agent is running and all is well", "采集端正在运行，一切正常", "", ""),
    "daemon_troubled": (
        "gather-agent is running, but: {why}",
        "采集端正在运行，但是：{why}",
        "see the findings below, and `gather-agent status`",
        "参见下面的检查结果，以及 gather-agent status",
    ),
    "daemon_off": (
        "gather-agent is not running",
        "采集端未运行",
        "as a service: systemctl start gather-agent; by hand: gather-agent run",
        "作为服务：systemctl start gather-agent；手动：gather-agent run",
    ),
    "daemon_other": (
        "process {pid} holds the folder {where}, but nobody answers at {socket}: another instance uses it, or it hangs",
        "进程 {pid} 占用目录 {where}，但 {socket} 无人应答：另一个实例正在使用，或进程已卡死",
        "ps -p {pid}: if it is an old gather-agent, end it with kill {pid}; two agents never share a folder",
        "用 ps -p {pid} 查看：若是旧的采集端，用 kill {pid} 结束；两个采集端不能共用一个目录",
    ),
    "daemon_closed": (
        "gather-agent runs, but this user may not ask it ({where})",
        "采集端正在运行，但当前用户无权访问（{where}）",
        "run `sudo gather-agent doctor`",
        "请运行 sudo gather-agent doctor",
    ),
}

_PLACES: dict[str, Phrase] = {
    "place_full": (
        "the disk of {where} is full: {free} free",
        "{where} 所在磁盘已满：剩余 {free}",
        "delete what is not needed there; `du -xh --max-depth=2` shows what is large",
        "请删除不需要的文件；du -xh --max-depth=2 可查看占用",
    ),
    "place_well": ("{where} can be written, {free} free", "{where} 可写，剩余 {free}", "", ""),
    "place_new": (
        "{where} is not there yet; it is made at the first start",
        "{where} 尚不存在，首次启动时创建",
        "",
        "",
    ),
    "place_cannot_be_made": (
        "{where} is not there and cannot be made: {parent} may not be written by {user}",
        "{where} 不存在且无法创建：{user} 无权写入 {parent}",
        "install -d -o {user} -g {user} -m 750 {where}",
        "执行 install -d -o {user} -g {user} -m 750 {where}",
    ),
    "place_no_folder": (
        "{where} is a file, a folder is needed there",
        "{where} 是文件，应为目录",
        "move the file away, or name another folder under [paths] in config.toml",
        "移走该文件，或在 config.toml 的 [paths] 中指定其他目录",
    ),
    "place_forbidden": (
        "{where} may not be written by {user} (owner {owner}, mode {mode})",
        "{user} 无权写入 {where}（所有者 {owner}，权限 {mode}）",
        "chown -R {user}: {where}",
        "执行 chown -R {user}: {where}",
    ),
    "place_read_only": (
        "{where} is on a read-only file system ({mount})",
        "{where} 位于只读文件系统（{mount}）",
        "Linux mounts a damaged disk read-only: look at `dmesg`, check the disk with fsck, then"
        " mount -o remount,rw {mount}",
        "磁盘损坏时 Linux 会改为只读挂载：查看 dmesg，用 fsck 检查磁盘，再执行 mount -o remount,rw {mount}",
    ),
    "place_not_mounted": (
        "{mount} is in {table}, but nothing is mounted there: recordings of {where} would go to the wrong disk",
        "{table} 中有 {mount}，但并未挂载：{where} 的录像会写到错误的磁盘",
        "mount {mount}; is the disk connected? RequiresMountsFor={mount} in the unit makes the service wait for it",
        "执行 mount {mount}，并检查磁盘是否接好；在单元中加 RequiresMountsFor={mount} 可让服务等待挂载",
    ),
    "place_in_memory": (
        "{where} is in memory ({kind}): everything is lost when the machine is switched off",
        "{where} 位于内存文件系统（{kind}）：关机后全部丢失",
        "set paths.media in config.toml to a folder on a disk",
        "在 config.toml 中把 paths.media 设为磁盘上的目录",
    ),
    "disk_full": (
        "the disk of {where} is full: {free} free, {reserve} are to stay free",
        "{where} 所在磁盘已满：剩余 {free}，需保留 {reserve}",
        "delete what does not belong there; `gather-agent uploads` says whether recordings wait for the server",
        "删除无关文件；用 gather-agent uploads 查看是否有录像等待上传",
    ),
    "disk_too_small": (
        "the disk of {where} is too small: {total} in all, {reserve} are to stay free and the coming day's {hours} h of"
        " lessons need about {need}",
        "{where} 所在磁盘太小：共 {total}，需保留 {reserve}，未来一天 {hours} 小时课程约需 {need}",
        "put recordings on a larger disk (paths.media), or lower spool.reserve_gb",
        "把录像放到更大的磁盘（paths.media），或调低 spool.reserve_gb",
    ),
    "disk_tight": (
        "the disk of {where} has {free} free; the coming day's {hours} h of lessons need about {need} beside the"
        " reserve of {reserve}",
        "{where} 所在磁盘剩余 {free}；未来一天 {hours} 小时课程约需 {need}，另需保留 {reserve}",
        "confirmed recordings make room by themselves; if uploads are slow or paused, see to them first",
        "已确认的录像会自动清理；若上传缓慢或暂停，请先处理上传",
    ),
    "journal_damaged": (
        "the journal {where} is damaged: {why}",
        "日志库 {where} 已损坏：{why}",
        "`gather-agent check` says what it means; with the journal moved away it is rebuilt from the"
        " recordings on disk",
        "用 gather-agent check 查看影响；移走日志库后，会根据磁盘上的录像重建",
    ),
    "journal_unusable": ("{why}", "日志库无法使用：{why}", "see the sentence above", "参见上面的说明"),
}

_CLOCK: dict[str, Phrase] = {
    "clock_well": ("the clock is right ({offset} s from the server's)", "时钟正确（与服务器相差 {offset} 秒）", "", ""),
    "clock_synchronised": ("the clock is set by the network", "时钟已通过网络同步", "", ""),
    "clock_off": (
        "this machine's clock is {offset} s {direction} the server's: lessons begin and end at wrong times",
        "本机时钟比服务器{direction_zh} {offset} 秒：课程的开始和结束时间会出错",
        "set the clock by the network: timedatectl set-ntp true; is UDP port 123 to a time server open?",
        "启用网络对时：timedatectl set-ntp true；并检查到时间服务器的 UDP 123 端口",
    ),
    "clock_free": (
        "nothing keeps the clock right: the kernel calls it not synchronised",
        "时钟没有对时：内核显示未同步",
        "timedatectl set-ntp true (not supported? apt install systemd-timesyncd); is UDP port 123 to a time server"
        " open? See `timedatectl timesync-status`",
        "执行 timedatectl set-ntp true（若提示不支持，先 apt install systemd-timesyncd），检查到时间服务器的"
        " UDP 123 端口，并查看 timedatectl timesync-status",
    ),
    "clock_absurd": (
        "this machine believes it is the year {year}",
        "本机时间显示为 {year} 年",
        "set the clock: timedatectl set-ntp true; an empty battery on the board forgets the time at each power-off",
        "设置时钟：timedatectl set-ntp true；主板电池没电会导致断电后时间丢失",
    ),
    "zone_unknown": (
        "the server's time zone {where} is not known on this machine: lessons would be taken in this machine's zone",
        "本机不认识服务器的时区 {where}：课程将按本机时区处理",
        "apt install tzdata, or set time.zone in config.toml",
        "安装 tzdata，或在 config.toml 中设置 time.zone",
    ),
}

_SERVER: dict[str, Phrase] = {
    "server_well": (
        "{where} answers and lets this agent in ({ms} ms)",
        "{where} 可访问，已接受本采集端（{ms} 毫秒）",
        "",
        "",
    ),
    "server_connected": ("the running daemon is connected to {where}", "守护进程已连接到 {where}", "", ""),
    "server_away": (
        "the running daemon is not connected to {where}: {why}",
        "守护进程未连接到 {where}：{why}",
        "`gather-agent logs` says more",
        "参见 gather-agent logs",
    ),
    "server_differs": (
        "the running daemon uses {running}, the configuration says {where}",
        "守护进程使用 {running}，而配置为 {where}",
        "restart the service: systemctl restart gather-agent",
        "请重启服务：systemctl restart gather-agent",
    ),
    "server_none": (
        "no server is configured: what is recorded stays on this machine",
        "未配置服务器：录像保留在本机",
        "gather-agent enrol URL KEY; without a server: gather-agent standalone",
        "执行 gather-agent enrol URL KEY；没有服务器时使用 gather-agent standalone",
    ),
    "server_no_dns": (
        "the name {host} of the server {where} cannot be resolved ({why})",
        "无法解析服务器 {where} 的名称 {host}（{why}）",
        "is the name in server.url right? Does the network work: `ip route`; which name servers: /etc/resolv.conf",
        "检查 server.url 中的名称；检查网络（ip route）和域名服务器（/etc/resolv.conf）",
    ),
    "server_closed": (
        "port {port} of {host} is closed: no server listens at {where}",
        "{host} 的端口 {port} 已关闭：{where} 没有服务",
        "is the server running, and is the port in server.url right?",
        "检查服务器是否运行，以及 server.url 中的端口是否正确",
    ),
    "server_no_route": (
        "this machine has no way to {host} ({why})",
        "本机没有通往 {host} 的网络路由（{why}）",
        "is the network cable in, has this machine an address (`ip address`) and a gateway (`ip route`)?",
        "检查网线、本机地址（ip address）和网关（ip route）",
    ),
    "server_path": (
        "the gather protocol answers at {right}, not below {where}",
        "采集协议在 {right} 应答，不在 {where} 之下",
        "write {right}, without the path of a page",
        "请写 {right}，不要带页面路径",
    ),
    "server_no_answer": (
        "{host} does not answer on port {port} ({why})",
        "{host} 的端口 {port} 没有应答（{why}）",
        "is the machine switched on and in this network? A firewall that drops packets looks the same",
        "检查服务器是否开机、网络是否可达；防火墙丢包也会如此",
    ),
    "tls_unknown_ca": (
        "the certificate of {where} is signed by nobody this machine trusts ({why})",
        "{where} 的证书不受本机信任（{why}）",
        "for a school's own authority, set server.ca_file (enrol: --ca-file) to its certificate (PEM); never switch the"
        " check off",
        "若使用学校自建的证书机构，请将 server.ca_file（enrol 用 --ca-file）设为其证书（PEM）；不要关闭校验",
    ),
    "tls_expired": (
        "the certificate of {where} has expired",
        "{where} 的证书已过期",
        "the server's administrator has to renew it; is this machine's clock right? It says {now}",
        "请服务器管理员更新证书；同时检查本机时钟，当前为 {now}",
    ),
    "tls_not_yet": (
        "the certificate of {where} is not valid yet",
        "{where} 的证书尚未生效",
        "most often this machine's clock is behind: it says {now}",
        "多半是本机时钟偏慢，当前为 {now}",
    ),
    "tls_wrong_host": (
        "the certificate of {where} is for another name ({why})",
        "{where} 的证书属于其他名称（{why}）",
        "write the name in server.url as the certificate has it, not an IP address",
        "在 server.url 中使用证书上的名称，而不是 IP 地址",
    ),
    "tls_none": (
        "{host} does not speak TLS on port {port} ({why})",
        "{host} 的端口 {port} 不支持 TLS（{why}）",
        "is it http:// instead of https:// in server.url, or another port?",
        "检查 server.url 应为 http:// 还是 https://，端口是否正确",
    ),
    "server_stranger": (
        "something answers at {where}, but not a 云录播 server that speaks the gather protocol: {why}",
        "{where} 有应答，但不是支持采集协议的云录播服务器：{why}",
        "is the address in server.url right? A proxy or a login page of the network may stand in between",
        "检查 server.url 中的地址；中间可能有代理或网络登录页",
    ),
    "enrol_none": (
        "this agent has never registered with {where} and has no enrol key",
        "本采集端从未在 {where} 注册，且没有注册密钥",
        "copy the enrol key from the server's console: gather-agent enrol URL KEY",
        "从服务器控制台复制注册密钥，执行 gather-agent enrol URL KEY",
    ),
    "enrol_refused": (
        "{where} refuses the enrol key (from {origin})",
        "{where} 拒绝了注册密钥（来自 {origin}）",
        "copy the key from the server's console again; it may have been renewed there",
        "请从服务器控制台重新复制密钥；密钥可能已更换",
    ),
    "token_refused": (
        "{where} does not know this agent's token any more, and there is no enrol key to register anew",
        "{where} 已不认识本采集端的令牌，且没有注册密钥可重新注册",
        "was it deleted on the server? gather-agent enrol URL KEY registers it anew",
        "可能已在服务器上删除；执行 gather-agent enrol URL KEY 可重新注册",
    ),
    "token_renewed": (
        "{where} does not know this agent's token any more; it will register anew with the enrol key",
        "{where} 已不认识本采集端的令牌；将用注册密钥重新注册",
        "",
        "",
    ),
    "mqtt_away": (
        "the MQTT broker {where} cannot be reached ({why}); recording does not need it",
        "无法连接 MQTT 服务器 {where}（{why}）；不影响录像",
        "is mqtt.host in config.toml right, and does the broker run?",
        "检查 config.toml 中的 mqtt.host，以及服务器是否运行",
    ),
    "page_port_taken": (
        "another program listens at {where}, where the local page belongs",
        "本地页面的地址 {where} 已被其他程序占用",
        "choose another local.port in config.toml, or end that program (ss -ltnp shows it)",
        "在 config.toml 中更换 local.port，或结束该程序（可用 ss -ltnp 查看）",
    ),
    "proxy_used": ("{where} is reached through the proxy {proxy}", "通过代理 {proxy} 访问 {where}", "", ""),
}

_SERVICE: dict[str, Phrase] = {
    "unit_well": ("the unit {where} is in order", "单元 {where} 正常", "", ""),
    "unit_none": (
        "gather-agent is not installed as a service",
        "采集端未安装为系统服务",
        "docs/installation.md",
        "参见 docs/installation.md",
    ),
    "unit_loops": (
        "the service ends as soon as it has begun, {count} times by now: {why}",
        "服务启动后随即退出，已重复 {count} 次：{why}",
        "`journalctl -u gather-agent -n 30` has the reason",
        "原因见 journalctl -u gather-agent -n 30",
    ),
    "unit_state_link": (
        "{where} is a symbolic link, which systemd refuses: the service cannot start",
        "{where} 是符号链接，systemd 不接受，服务无法启动",
        "mount the disk there, or put {target} there: mount --bind, and a line with `none bind` in /etc/fstab",
        "请把磁盘挂载到该处，或将 {target} 绑定挂载过去（mount --bind，并在 /etc/fstab 中加入 none bind 一行）",
    ),
    "unit_failed": (
        "the service has failed: {why}",
        "服务启动失败：{why}",
        "`gather-agent logs` says why; after mending: systemctl reset-failed gather-agent, and systemctl start"
        " gather-agent",
        "用 gather-agent logs 查看原因；修复后执行 systemctl reset-failed gather-agent 和 systemctl start gather-agent",
    ),
    "unit_disabled": (
        "the service is not enabled: it does not start when the machine does",
        "服务未设为开机启动",
        "systemctl enable gather-agent",
        "执行 systemctl enable gather-agent",
    ),
    "unit_no_program": (
        "{where}: ExecStart names {program}, which is not there or cannot be executed",
        "{where}：ExecStart 指定的 {program} 不存在或不可执行",
        "install the program there, or correct ExecStart in a drop-in (systemctl edit gather-agent)",
        "在该位置安装程序，或用 systemctl edit gather-agent 修正 ExecStart",
    ),
    "unit_no_user": (
        "{where}: the user {user} does not exist",
        "{where}：用户 {user} 不存在",
        "systemd-sysusers (with systemd/sysusers.conf in /etc/sysusers.d)",
        "将 systemd/sysusers.conf 放入 /etc/sysusers.d 后执行 systemd-sysusers",
    ),
    "unit_not_writable": (
        "{where}: the sandbox lets the service write nowhere but its own folders, and {key} = {folder} is none of them",
        "{where}：沙箱只允许服务写入自己的目录，而 {key} = {folder} 不在其中",
        "systemctl edit gather-agent: [Service] ReadWritePaths={folder}, [Unit] RequiresMountsFor={folder};"
        " then restart",
        "执行 systemctl edit gather-agent，在 [Service] 加 ReadWritePaths={folder}，"
        "在 [Unit] 加 RequiresMountsFor={folder}，然后重启",
    ),
    "unit_no_credential": (
        "{where}: LoadCredential names {file}, which is not there: the service does not start",
        "{where}：LoadCredential 指定的 {file} 不存在，服务无法启动",
        "put the enrol key into that file (root alone may read it), or take the line out",
        "把注册密钥放入该文件（仅 root 可读），或删除该行",
    ),
    "unit_type": (
        "{where}: Type={type}; the watchdog and READY=1 need Type=notify",
        "{where}：Type={type}；看门狗和就绪通知需要 Type=notify",
        "take the unit of this version: systemd/gather-agent.service",
        "使用本版本的单元文件 systemd/gather-agent.service",
    ),
    "unit_verify": (
        "systemd does not like the unit {where}: {why}",
        "systemd 认为单元 {where} 有误：{why}",
        "systemd-analyze verify {where}",
        "执行 systemd-analyze verify {where}",
    ),
}

_LIVE: dict[str, Phrase] = {
    "live_well": ("channel {where} is live at {target}", "通道 {where} 正在直播到 {target}", "", ""),
    **{
        f"live_{cause}": (
            f"channel {{where}} is {'' if cause in LIVE_ALL_THE_SAME else 'not '}live: {en} ({{why}})",
            f"通道 {{where}} {'正在' if cause in LIVE_ALL_THE_SAME else '未'}直播：{zh}（{{why}}）",
            do_en,
            do_zh,
        )
        for cause, (en, zh, do_en, do_zh) in LIVE_CAUSES.items()
        if cause
    },
}

PHRASES: dict[str, Phrase] = _LIVE | _DAEMON | _PLACES | _CLOCK | _SERVER | _SERVICE | CAMERA
