"""What findings about cameras say: English and Chinese, and what to do in both."""

from __future__ import annotations

Phrase = tuple[str, str, str, str]

CAMERA: dict[str, Phrase] = {
    "camera_well": (
        "{where}: {tracks}, {fps} pictures/s, a key frame every {gop} s, {rate}, by {transport}",
        "{where}：{tracks}，每秒 {fps} 帧，关键帧间隔 {gop} 秒，{rate}，{transport}",
        "",
        "",
    ),
    "camera_online": (
        "{where}: the running daemon has it online ({tracks})",
        "{where}：守护进程显示在线（{tracks}）",
        "",
        "",
    ),
    "camera_none": (
        "no channel is known yet",
        "还没有通道",
        "channels are added on the server",
        "请在服务器上添加通道",
    ),
    "camera_bad_address": (
        "{where} is no address that is opened: {why}",
        "{where} 不是可用的地址：{why}",
        "write it as rtsp://host:554/path, user and password apart or before an @",
        "写成 rtsp://主机:554/路径，用户名和密码单独填写或写在 @ 之前",
    ),
    "camera_no_source": (
        "{where}: {why}",
        "{where}：{why}",
        "correct the channel on the server",
        "请在服务器上修正该通道",
    ),
    "camera_no_file": (
        "{where}: there is no such film on this machine, or it cannot be read",
        "{where}：本机没有该视频文件，或无法读取",
        "stream_mp4 is a path on this classroom PC, readable by the service's user",
        "stream_mp4 应为教室电脑上的路径，且服务用户可读",
    ),
    "camera_no_dns": (
        "{where}: the name {host} cannot be resolved",
        "{where}：无法解析名称 {host}",
        "use the camera's IP address, or correct the name",
        "请使用摄像机的 IP 地址，或更正名称",
    ),
    "camera_closed": (
        "{where}: {host} is there, but its port {port} is closed",
        "{where}：主机 {host} 可达，但端口 {port} 已关闭",
        "RTSP is on port 554 with most cameras: is it switched on in the camera's network settings?",
        "多数摄像机的 RTSP 端口为 554：请检查摄像机网络设置中是否启用 RTSP",
    ),
    "camera_no_route": (
        "{where}: this machine has no way to {host} ({why})",
        "{where}：本机没有通往 {host} 的网络路由（{why}）",
        "is the network cable in, has this machine an address in the cameras' network? `ip address`, `ip route`",
        "检查网线，以及本机在摄像机网络中的地址：ip address、ip route",
    ),
    "camera_no_answer": (
        "{where}: {host} does not answer on port {port} ({why})",
        "{where}：{host} 的端口 {port} 没有应答（{why}）",
        "is the camera switched on, is its cable in, is the address right? `gather-agent discover` lists the cameras of"
        " this network: addresses given out by DHCP change",
        "检查摄像机电源、网线和地址；gather-agent discover 可列出本网络中的摄像机：DHCP 分配的地址会改变",
    ),
    "camera_wrong_password": (
        "{where}: the camera refuses user or password ({user})",
        "{where}：摄像机拒绝用户名或密码（{user}）",
        "try them in the camera's web page; some cameras have a user of their own for RTSP, and lock after wrong tries",
        "请在摄像机网页上验证；有些摄像机的 RTSP 用户单独设置，且多次输错会锁定",
    ),
    "camera_needs_password": (
        "{where}: the camera wants a user and a password, and none are given",
        "{where}：摄像机需要用户名和密码，但没有提供",
        "write them into the channel's address on the server: rtsp://user:password@host/path",
        "请在服务器的通道地址中填写：rtsp://用户:密码@主机/路径",
    ),
    "camera_wrong_path": (
        "{where}: the camera is there, but has no such stream",
        "{where}：摄像机可达，但没有该路径的码流",
        "the path behind the address is wrong; the maker's manual names it, for example {examples}",
        "地址中的路径不正确，请查阅厂家手册，例如 {examples}",
    ),
    "camera_silent": (
        "{where}: connected, but no stream came in time ({why})",
        "{where}：已连接，但没有收到码流（{why}）",
        "restart the camera; too many viewers at once have the same effect: close other players and recorders",
        "请重启摄像机；同时观看的客户端过多也会如此，请关闭其他播放器和录像机",
    ),
    "camera_udp_blocked": (
        "{where}: nothing arrives by UDP, by TCP it works: the network drops UDP",
        "{where}：UDP 收不到数据，TCP 正常：网络阻断了 UDP",
        'record.transport = "tcp" in config.toml (the default)',
        '在 config.toml 中设置 record.transport = "tcp"（默认值）',
    ),
    "camera_only_udp": (
        "{where}: by TCP nothing comes, by UDP it works",
        "{where}：TCP 收不到数据，UDP 正常",
        'record.transport = "udp" in config.toml, or a newer firmware for the camera',
        '在 config.toml 中设置 record.transport = "udp"，或升级摄像机固件',
    ),
    "camera_unusable": (
        "{where}: what it sends cannot be recorded: {why}",
        "{where}：其码流无法录制：{why}",
        "set the camera to H.264 or H.265 (MJPEG and AV1 work too)",
        "请将摄像机编码设为 H.264 或 H.265（也支持 MJPEG 和 AV1）",
    ),
    "camera_track_dropped": (
        "{where}: one track is left out: {why}",
        "{where}：有一路音视频被忽略：{why}",
        "the rest is recorded; set the camera to H.264 or H.265 with AAC or G.711 sound",
        "其余部分照常录制；请将摄像机设为 H.264/H.265 和 AAC 或 G.711",
    ),
    "camera_no_picture": (
        "{where}: only sound comes, no picture ({audio})",
        "{where}：只有声音，没有画面（{audio}）",
        "is it the address of an audio stream? {why}",
        "检查是否为音频地址。{why}",
    ),
    "camera_no_key_frame": (
        "{where}: {seconds} s of pictures and no key frame among them: a recording could not begin",
        "{where}：{seconds} 秒内没有关键帧，无法开始录像",
        "set the camera's key frame interval (I-frame interval, GOP) to one or two seconds: {gop} pictures",
        "请将摄像机的关键帧间隔（I 帧间隔、GOP）设为一到两秒：{gop} 帧",
    ),
    "camera_rare_key_frames": (
        "{where}: a key frame only every {gop} s: live pictures come up late, cuts between slices are late",
        "{where}：每 {gop} 秒才有一个关键帧：直播打开慢，切片不准",
        "set the camera's key frame interval (I-frame interval, GOP) to one or two seconds",
        "请将摄像机的关键帧间隔（I 帧间隔、GOP）设为一到两秒",
    ),
    "camera_no_sound": (
        "{where}: no sound comes with the picture",
        "{where}：只有画面，没有声音",
        "if lessons are to be heard, switch the camera's audio on",
        "如需录音，请在摄像机中启用音频",
    ),
    "camera_broke_off": (
        "{where}: the stream broke off after {packets} packets: {why}",
        "{where}：收到 {packets} 个数据包后中断：{why}",
        "restart the camera; look for a bad cable, or a firmware that allows one viewer only",
        "请重启摄像机；检查网线，以及固件是否只允许一个客户端",
    ),
    "camera_no_probe": (
        "{where}: could not be looked at: {why}",
        "{where}：无法检查：{why}",
        "this is a fault of the program or the machine: `gather-agent logs`",
        "程序或系统故障：请查看 gather-agent logs",
    ),
    "camera_onvif": (
        "{where}: the device does not tell its streams: {why}",
        "{where}：设备没有返回码流地址：{why}",
        "a newer firmware may help; its streams can be recorded without ONVIF, as a stream channel with rtsp://…",
        "可尝试升级固件；也可不用 ONVIF，以流媒体通道填写 rtsp://… 地址录制",
    ),
    "camera_onvif_password": (
        "{where}: the camera refuses user or password ({user}) over ONVIF: {why}",
        "{where}：摄像机的 ONVIF 拒绝用户名或密码（{user}）：{why}",
        "many cameras have users of their own for ONVIF: look in their settings (Hikvision: Network, Advanced,"
        " Integration Protocol). After about five wrong tries a camera locks for half an hour, also for the right one",
        "许多摄像机的 ONVIF 用户需单独添加（海康：网络、高级配置、集成协议）；"
        "连续输错约五次会锁定半小时，期间正确密码也会被拒绝",
    ),
    "camera_onvif_needs_password": (
        "{where}: the camera wants a user and a password over ONVIF, and none are given: {why}",
        "{where}：摄像机的 ONVIF 需要用户名和密码，但没有提供：{why}",
        "fill in device_user and device_pass of the channel; `doctor onvif://…` takes --user and --password-file",
        "请填写通道的 device_user 和 device_pass；doctor onvif://… 使用 --user 和 --password-file",
    ),
    "camera_onvif_off": (
        "{where}: {host} is there and answers RTSP, but no ONVIF: {why}",
        "{where}：{host} 可达且 RTSP 有应答，但没有 ONVIF：{why}",
        "switch ONVIF on in the camera's settings (Tapo: in its app, third-party compatibility); at an unusual port,"
        " write device_ip as address:port; or record it without ONVIF, as a stream channel with rtsp://…",
        "请在摄像机设置中启用 ONVIF（TP-Link Tapo：App 中的第三方兼容）；端口特殊时 device_ip 写成 地址:端口；"
        "也可不用 ONVIF，以流媒体通道填写 rtsp://… 地址",
    ),
    "camera_onvif_away": (
        "{where}: nothing answers at {host}, neither ONVIF nor RTSP: {why}",
        "{where}：{host} 的 ONVIF 和 RTSP 均无应答：{why}",
        "is the camera switched on, is its cable in, has its address changed (DHCP)? `gather-agent discover` lists the"
        " cameras of this network",
        "检查摄像机电源和网线，地址是否已改变（DHCP）？gather-agent discover 可列出本网络中的摄像机",
    ),
    "camera_device": (
        "{where}: {model}, records {encoding}; stills: {stills}",
        "{where}：{model}，录像编码 {encoding}；截图地址：{stills}",
        "",
        "",
    ),
    "camera_clock_ahead": (
        "{where}: the camera's clock is {seconds} s ahead; the time in its picture is wrong",
        "{where}：摄像机时钟快 {seconds} 秒，画面时间不准",
        "give the camera a time server (NTP) in its own settings; recordings have this machine's time",
        "在摄像机中设置 NTP 时间服务器；录像使用本机时间",
    ),
    "camera_clock_behind": (
        "{where}: the camera's clock is {seconds} s behind; the time in its picture is wrong",
        "{where}：摄像机时钟慢 {seconds} 秒，画面时间不准",
        "give the camera a time server (NTP) in its own settings; recordings have this machine's time",
        "在摄像机中设置 NTP 时间服务器；录像使用本机时间",
    ),
    "camera_setting": (
        "{where}: {why}",
        "{where}：{why}",
        "it is recorded all the same; set it in the camera's own pages where it matters",
        "不影响录像；如有需要请在摄像机网页中设置",
    ),
}
