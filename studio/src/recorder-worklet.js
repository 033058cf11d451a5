// Runs beside the audio thread: passes each block of samples on.
class Recorder extends AudioWorkletProcessor {
  process([input]) {
    const samples = input?.[0]
    if (samples) this.port.postMessage(samples.slice())
    return true
  }
}
registerProcessor('recorder', Recorder)
