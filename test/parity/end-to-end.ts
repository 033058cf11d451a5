// Parity of the whole chain from a recording to samples, with our own conditionals and the official noises. Wider tolerances than stage by
// stage: the recording is resampled by another resampler, and f0 adds up to phase.
import { MEL_BANDS } from '../../src/engine/chatterbox/decoder/frame-rates.ts'
import { prepareConditionals } from '../../src/engine/chatterbox/voice/prepare-conditionals.ts'
import { openFlow } from './flow.ts'
import { bandsFirst, framesFirst, type Stage } from './parity.ts'
import { recording } from './recordings.ts'
import { officialSource, synthesise } from './vocoder.ts'
import { openVoiceNetworks } from './voice-networks.ts'

export const endToEndStages: Readonly<Record<string, Stage>> = {
  'end-to-end': async (run) => {
    const official = run.fixture('e2e')
    const signal = new AbortController().signal
    const reference = { samples: recording(run, 'ref_a_24k'), sampleRate: 24000, normLoudness: true }
    const { decoder } = await prepareConditionals(reference, openVoiceNetworks(run), signal)
    await using flow = await openFlow(run)
    const tokens = Int32Array.from(official.readInt64('in_speech_tokens'), Number)
    const mel = await flow.decode(tokens, decoder, framesFirst(official.readFloat32('in_z')), signal)
    run.compare('e2e.mel from audio', bandsFirst(mel), official.readFloat32('mel'), 2e-3)
    run.compareCount('e2e.frames', Math.abs(mel.length / MEL_BANDS - 126), 0)
    const { f0, samples } = await synthesise(run, mel, officialSource(official, ''))
    run.compare('e2e.f0 from audio (Hz)', f0, official.readFloat32('f0'), 5e-2)
    run.compareSignal('e2e.wav from audio', samples, official.readFloat32('wav'), 20)
  },
}
