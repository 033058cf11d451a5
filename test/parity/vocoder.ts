// Parity of the vocoder: pitch, harmonic source and samples, each from official inputs; and the chain from tokens to samples.
import type { SafetensorsFile } from '../../src/compile/checkpoint/safetensors.ts'
import { type WeightScope, Weights } from '../../src/compile/checkpoint/weights.ts'
import { TURBO } from '../../src/compile/dimensions.ts'
import { f0Predictor, vocoder } from '../../src/compile/networks/vocoder.ts'
import { fadeIn, fadeInGains } from '../../src/engine/chatterbox/decoder/fade-in.ts'
import { MEL_BANDS } from '../../src/engine/chatterbox/decoder/frame-rates.ts'
import { harmonicSource, mixedNoise, startOfHarmonics } from '../../src/engine/chatterbox/decoder/harmonic-source.ts'
import { type Pitch, Vocoder } from '../../src/engine/chatterbox/decoder/vocoder.ts'
import { Session } from '../../src/engine/runtime/session.ts'
import { decodeMel, openFlow } from './flow.ts'
import { bandsFirst, floatsOf, framesFirst, PARITY_SESSION, type ParityRun, type Stage } from './parity.ts'

const sizes = TURBO.s3gen.vocoder

export const vocoderStages: Readonly<Record<string, Stage>> = {
  vocoder: (run) =>
    withVocoder(run, async (vocoder) => {
      const hift = run.fixture('hift')
      run.compare('hift.trim_fade', fadeInGains, hift.readFloat32('trim_fade'), 2e-7)
      for (const name of ['flowmel', 'refmel'])
        await compareVocoder(run, vocoder, {
          mel: hift.readFloat32(`${name}_in_mel`),
          ...officialSource(hift, `${name}_`),
          name: `hift.${name}_`,
        })
      await compareLastConvolution(run, hift)
    }),

  'tokens-to-samples': async (run) => {
    const official = run.fixture('e2e')
    await using flow = await openFlow(run)
    const keys = { tokens: 'a_prompt_token', mel: 'a_prompt_feat', xvector: 'a_embedding' }
    const mel = await decodeMel(flow, official, 'in_speech_tokens', run.fixture('embed_ref'), keys)
    run.compare('e2e.mel', bandsFirst(mel), official.readFloat32('mel'), 2e-4)
    await withVocoder(run, async (vocoder) => {
      const randomness = officialSource(official, '')
      await compareVocoder(run, vocoder, { mel: official.readFloat32('mel'), ...randomness, name: 'e2e.' })
    })
    const { samples } = await synthesise(run, mel, officialSource(official, ''))
    run.compareSignal('e2e.wav from tokens', samples, official.readFloat32('wav'), 30)
  },
}

/** Our mel to pitch and faded samples, with the official phases and noises. */
export const synthesise = (run: ParityRun, mel: Float32Array, official: OfficialSource) =>
  withVocoder(run, async (vocoder) => {
    const pitch = await vocoder.pitch(mel)
    const samples = await vocoder.samples(mel, sourceOf(pitch, official))
    fadeIn(samples)
    return { f0: pitch.f0, samples }
  })

const vocoderScope = (run: ParityRun): WeightScope =>
  new Weights(run.checkpoint('s3gen_meanflow.safetensors')).at('mel2wav')

async function withVocoder<T>(run: ParityRun, use: (vocoder: Vocoder) => Promise<T>): Promise<T> {
  const scope = vocoderScope(run)
  const files = run.saveAll([f0Predictor(scope, sizes), vocoder(scope, sizes)])
  await using opened = await Vocoder.open(files, PARITY_SESSION)
  return await use(opened)
}

export interface OfficialSource {
  readonly phases: Float32Array
  readonly noises: Float32Array
  readonly f0: Float32Array
  readonly source: Float32Array
  readonly faded: Float32Array
  readonly unfaded: Float32Array | undefined
}

export function officialSource(file: SafetensorsFile, prefix: string): OfficialSource {
  const read = (key: string) => file.readFloat32(prefix + key)
  const hasBoth = file.entries.has(`${prefix}wav_faded`)
  return {
    phases: read('in_phase'),
    noises: read('in_noise'),
    f0: read('f0'),
    source: read('s'),
    faded: read(hasBoth ? 'wav_faded' : 'wav'),
    unfaded: hasBoth ? read('wav') : undefined,
  }
}

const sourceOf = ({ f0, mix }: Pitch, { phases, noises }: OfficialSource): Float32Array =>
  harmonicSource(f0, mix, { phases, noise: mixedNoise(noises, mix) }, startOfHarmonics())

/** f0 from the official mel, samples from the official mel and source, and both in a chain. `mel` is [MEL_BANDS, frames]. */
async function compareVocoder(
  run: ParityRun,
  vocoder: Vocoder,
  official: OfficialSource & { readonly mel: Float32Array; readonly name: string },
): Promise<void> {
  const { name } = official
  const mel = framesFirst(official.mel)
  const pitch = await vocoder.pitch(mel)
  run.compare(`${name}f0 (Hz)`, pitch.f0, official.f0, 1e-2)
  run.compare(`${name}s from official f0`, sourceOf({ ...pitch, f0: official.f0 }, official), official.source, 2e-6)
  const source = sourceOf(pitch, official)
  run.compareSignal(`${name}s from mel`, source, official.source, 30)
  const samples = await vocoder.samples(mel, official.source)
  if (official.unfaded) run.compare(`${name}wav from official s`, samples, official.unfaded, 2e-5)
  fadeIn(samples)
  run.compare(`${name}faded wav from official s`, samples, official.faded, 2e-5)
  const chained = await vocoder.samples(mel, source)
  fadeIn(chained)
  run.compareSignal(`${name}wav from mel`, chained, official.faded, 30)
}

async function compareLastConvolution(run: ParityRun, hift: SafetensorsFile): Promise<void> {
  const file = run.save(vocoder(vocoderScope(run), sizes, { probes: true }))
  await using session = await Session.open(file, PARITY_SESSION)
  const mel = framesFirst(hift.readFloat32('refmel_in_mel'))
  const source = hift.readFloat32('refmel_s')
  const { conv_post_out: found } = await session.run({
    mel: { data: mel, shape: [1, mel.length / MEL_BANDS, MEL_BANDS] },
    source: { data: source, shape: [1, source.length] },
  })
  run.compare('hift.refmel_conv_post_out', floatsOf(found), hift.readFloat32('refmel_conv_post_out'), 5e-5)
}
