package tuilivekit

// SelfTest is the command, in the query, of a callback that the exporter sends to itself to
// find out whether it can be reached and accepts a token. It is authenticated as any other,
// and then counted nowhere and not passed on. Tencent has no such command.
const SelfTest = "TUILiveKitExporter.SelfTest"

// SelfTestOK is the answer of a SelfTest. Its ErrorInfo tells it from that of any other
// backend, which might answer OK to everything.
const SelfTestOK = `{"ActionStatus":"OK","ErrorInfo":"` + SelfTestInfo + `","ErrorCode":0}`

// SelfTestInfo is the ErrorInfo of SelfTestOK.
const SelfTestInfo = "tuilivekit-exporter accepts this token"
