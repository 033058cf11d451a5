// The microphone → a WAV recording. MediaRecorder's own formats differ by browser; 16 bit samples do not.

export interface Recorder {
  /** The recording so far, and the end of it. */
  finish(): Promise<Blob>
  cancel(): void
}

/** Asks for the microphone. `onLevel` gets the loudness of the last moment, 0 to 1. Throws when there is none or it is refused. */
export async function startRecorder(onLevel: (level: number, seconds: number) => void): Promise<Recorder> {
  const stream = await navigator.mediaDevices.getUserMedia({
    // The voice as it is: what makes calls intelligible takes away what makes a voice.
    audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  })
  const context = new AudioContext()
  const source = context.createMediaStreamSource(stream)
  const moduleUrl = new URL('./recorder-worklet.js', import.meta.url)
  await context.audioWorklet.addModule(moduleUrl)
  const node = new AudioWorkletNode(context, 'recorder')
  const blocks: Float32Array[] = []
  let sampleCount = 0
  node.port.onmessage = ({ data }: MessageEvent<Float32Array>) => {
    blocks.push(data)
    sampleCount += data.length
    onLevel(Math.max(...data.map(Math.abs)), sampleCount / context.sampleRate)
  }
  source.connect(node)
  const close = async () => {
    for (const track of stream.getTracks()) track.stop()
    if (context.state !== 'closed') await context.close()
  }
  return {
    finish: async () => {
      const { sampleRate } = context
      await close()
      return wavFile(blocks, sampleCount, sampleRate)
    },
    cancel: close,
  }
}

function wavFile(blocks: readonly Float32Array[], sampleCount: number, sampleRate: number): Blob {
  const header = new DataView(new ArrayBuffer(44))
  const write = (at: number, text: string) => {
    for (let i = 0; i < text.length; i++) header.setUint8(at + i, text.charCodeAt(i))
  }
  write(0, 'RIFF')
  header.setUint32(4, 36 + sampleCount * 2, true)
  write(8, 'WAVEfmt ')
  header.setUint32(16, 16, true)
  header.setUint16(20, 1, true) // PCM
  header.setUint16(22, 1, true) // channels
  header.setUint32(24, sampleRate, true)
  header.setUint32(28, sampleRate * 2, true)
  header.setUint16(32, 2, true)
  header.setUint16(34, 16, true)
  write(36, 'data')
  header.setUint32(40, sampleCount * 2, true)
  const pcm = blocks.map((block) => Int16Array.from(block, (sample) => Math.max(-1, Math.min(1, sample)) * 32767))
  return new Blob([header.buffer, ...pcm], { type: 'audio/wav' })
}
