// onnxruntime 1.30 reports its use to its maker unless this is set before the library is loaded, so session.ts imports this first.
// Measured: without it a process that opens one session connects to a collector and leaves mat-debug-*.log in the temporary folder.
process.env.ORT_DISABLE_TELEMETRY = '1'
