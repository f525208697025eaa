package tuilivekit

// SelfTest is the command, in the query, of a callback that the exporter sends to itself to check that
// it can be reached and accepts a token. It is authenticated as any callback, and then neither counted
// nor relayed. Tencent has no such command.
const SelfTest = "TUILiveKitExporter.SelfTest"

// SelfTestOK is the answer to a SelfTest. Its ErrorInfo distinguishes it from the answer of another
// backend, which might answer OK to every callback.
const SelfTestOK = `{"ActionStatus":"OK","ErrorInfo":"` + SelfTestInfo + `","ErrorCode":0}`

// SelfTestInfo is the ErrorInfo of SelfTestOK.
const SelfTestInfo = "tuilivekit-exporter accepts this token"
