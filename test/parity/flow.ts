// Parity of the flow: its knowledge of time, encoder, estimator, and tokens to mel. Every stage is given the official inputs of that stage.
import type { SafetensorsFile } from '../../src/compile/checkpoint/safetensors.ts'
import { type WeightScope, Weights } from '../../src/compile/checkpoint/weights.ts'
import { TURBO } from '../../src/compile/dimensions.ts'
import { takeStepEmbeddings } from '../../src/compile/layers/step-embedding.ts'
import { flowEncoder } from '../../src/compile/networks/flow-encoder.ts'
import { flowEstimator } from '../../src/compile/networks/flow-estimator.ts'
import { createDistanceEncodings } from '../../src/engine/chatterbox/decoder/distance-encodings.ts'
import { EULER_STEPS } from '../../src/engine/chatterbox/decoder/euler-steps.ts'
import { Flow } from '../../src/engine/chatterbox/decoder/flow.ts'
import { MEL_BANDS } from '../../src/engine/chatterbox/decoder/frame-rates.ts'
import { Session, type Tensor } from '../../src/engine/runtime/session.ts'
import {
  bandsFirst,
  channelsFirst,
  floatsOf,
  framesFirst,
  PARITY_SESSION,
  type ParityRun,
  type Stage,
} from './parity.ts'

const { flowEncoder: encoderSizes, flowEstimator: estimatorSizes } = TURBO.s3gen

export const flowStages: Readonly<Record<string, Stage>> = {
  'flow-time': async (run) => {
    const official = run.fixture('flow_small')
    const embeddings = takeStepEmbeddings(estimatorScope(run), estimatorSizes.timeWidth, EULER_STEPS)
    for (const [step, embedding] of embeddings().entries())
      run.compare(
        `flow_small.time_emb_step${step + 1}`,
        embedding,
        official.readFloat32(`time_emb_step${step + 1}`),
        4e-6,
      )
  },

  'flow-encoder': async (run) => {
    const file = run.save(flowEncoder(flowScope(run), encoderSizes, { probes: true }))
    await using session = await Session.open(file, PARITY_SESSION)
    for (const name of ['flow_small', 'flow_real']) {
      const official = run.fixture(name)
      const found = await session.run(encoderFeeds(official))
      const compare = (key: string, output: string, tolerance: number) =>
        run.compare(`${name}.${key}`, floatsOf(found[output]), official.readFloat32(key), tolerance)
      compare('spk', 'speaker', name === 'flow_small' ? 2e-6 : 3e-6)
      compare('mu', 'mu', 6e-5)
      if (name !== 'flow_small') continue
      compare('pre_lookahead_out', 'pre_lookahead_out', 2e-4)
      compare('encoder_out', 'encoder_out', 6e-5)
    }
  },

  'flow-estimator': async (run) => {
    const file = run.save(flowEstimator(estimatorScope(run), estimatorSizes, { probes: true }))
    await using session = await Session.open(file, PARITY_SESSION)
    await compareSteps(run, session, 'flow_small', 8e-5)
    await compareSteps(run, session, 'flow_real', 9e-5)
  },

  flow: async (run) => {
    await using flow = await openFlow(run)
    for (const name of ['flow_small', 'flow_real', 'flow_odd']) {
      const official = run.fixture(name)
      const keys = { tokens: 'in_prompt_token', mel: 'in_prompt_feat', xvector: 'in_embedding' }
      const mel = await decodeMel(flow, official, 'in_token', official, keys)
      run.compare(`${name}.mel`, bandsFirst(mel), official.readFloat32('mel'), 3e-4)
    }
  },
}

const s3gen = (run: ParityRun): WeightScope => new Weights(run.checkpoint('s3gen_meanflow.safetensors'))
const flowScope = (run: ParityRun): WeightScope => s3gen(run).at('flow')
const estimatorScope = (run: ParityRun): WeightScope => s3gen(run).at('flow', 'decoder', 'estimator')

/** The flow as it is shipped, without inner values. */
export const openFlow = (run: ParityRun): Promise<Flow> =>
  Flow.open(
    run.saveAll([flowEncoder(flowScope(run), encoderSizes), flowEstimator(estimatorScope(run), estimatorSizes)]),
    PARITY_SESSION,
  )

interface VoiceKeys {
  readonly tokens: string
  readonly mel: string
  readonly xvector: string
}

/** The mel of the fixture's speech tokens and noise in the voice that stands under `keys` in `voice`. */
export function decodeMel(
  flow: Flow,
  official: SafetensorsFile,
  speechKey: string,
  voice: SafetensorsFile,
  keys: VoiceKeys,
): Promise<Float32Array> {
  const integers = (file: SafetensorsFile, key: string) => Int32Array.from(file.readInt64(key), Number)
  const mel = voice.readFloat32(keys.mel)
  const prompt = {
    tokens: integers(voice, keys.tokens),
    mel,
    frames: mel.length / MEL_BANDS,
    xvector: voice.readFloat32(keys.xvector),
  }
  const noise = framesFirst(official.readFloat32('in_z'))
  return flow.decode(integers(official, speechKey), prompt, noise, new AbortController().signal)
}

function encoderFeeds(official: SafetensorsFile): Record<string, Tensor> {
  const tokens = [...official.readInt64('in_prompt_token'), ...official.readInt64('in_token')]
  const reach = 2 * tokens.length - 1
  const distances = createDistanceEncodings(encoderSizes.width).upTo(reach)
  return {
    tokens: { data: BigInt64Array.from(tokens), shape: [tokens.length] },
    distances: { data: distances, shape: [2 * reach + 1, encoderSizes.width] },
    speaker_embedding: { data: official.readFloat32('in_embedding'), shape: [1, 192] },
  }
}

/** The velocities of both steps, each from the official x before it, and x after the first. */
async function compareSteps(run: ParityRun, session: Session, name: string, tolerance: number): Promise<void> {
  const official = run.fixture(name)
  const noise = framesFirst(official.readFloat32('in_z'))
  const shape = [1, noise.length / MEL_BANDS, MEL_BANDS]
  const prompt = new Float32Array(noise.length)
  prompt.set(official.readFloat32('in_prompt_feat'))
  const estimate = (x: Float32Array, step: bigint) =>
    session.run({
      x: { data: x, shape },
      mu: { data: official.readFloat32('mu'), shape },
      prompt: { data: prompt, shape },
      speaker: { data: official.readFloat32('spk'), shape: [1, MEL_BANDS] },
      step: { data: BigInt64Array.of(step), shape: [1] },
    })
  const first = await estimate(noise, 0n)
  const compare = (key: string, found: Float32Array, limit: number) =>
    run.compare(`${name}.${key}`, found, official.readFloat32(key), limit)
  const velocity = floatsOf(first.velocity)
  compare('v_step1', bandsFirst(velocity), 2e-4)
  compare('x_after_step1', bandsFirst(noise.map((value, i) => value + 0.5 * (velocity[i] ?? 0))), tolerance)
  const second = await estimate(framesFirst(official.readFloat32('x_after_step1')), 1n)
  compare('v_step2', bandsFirst(floatsOf(second.velocity)), 2e-4)
  if (name !== 'flow_small') return
  const width = estimatorSizes.channels
  compare('down0_out_step1', channelsFirst(floatsOf(first.down), width), 3e-4)
  compare('mid0_resnet_out_step1', channelsFirst(floatsOf(first.middle_residual_0), width), 2e-4)
  compare('mid11_out_step1', floatsOf(first.middle_11), 2e-4)
}
