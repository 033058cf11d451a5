// The networks that listen, at their real widths with formula-made weights, against the official code's numbers.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { SafetensorsFile } from '../../../src/compile/checkpoint/safetensors.ts'
import { Weights } from '../../../src/compile/checkpoint/weights.ts'
import { TURBO } from '../../../src/compile/dimensions.ts'
import { buildSpeakerEncoder } from '../../../src/compile/networks/speaker-encoder.ts'
import { buildSpeechTokenizer } from '../../../src/compile/networks/speech-tokenizer.ts'
import { buildVoiceEncoder } from '../../../src/compile/networks/voice-encoder.ts'
import type { Graph } from '../../../src/compile/onnx/graph.ts'
import { saveGraph } from '../../../src/compile/onnx/save.ts'
import { writeSyntheticFile } from '../../../src/compile/synthetic/synthetic.ts'
import type { CheckpointFile } from '../../../src/compile/synthetic/tensor-list.ts'
import { packageRoot } from '../../../src/config.ts'
import { kaldiFbank, subtractTimeMean } from '../../../src/engine/chatterbox/voice/kaldi-fbank.ts'
import { speechMel } from '../../../src/engine/chatterbox/voice/speech-mel.ts'
import { cutPartials, findSpeech, voiceMel } from '../../../src/engine/chatterbox/voice/voice-mel.ts'
import { Session, type Tensor } from '../../../src/engine/runtime/session.ts'
import { assertClose } from '../../harness/close.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'voice-networks-'))
after(() => rmSync(folder, { recursive: true }))
const fixture = new SafetensorsFile(path.join(packageRoot, 'test/fixtures/voice-networks.safetensors'))

/** Builds a graph from synthetic weights, runs it once, and returns its outputs. */
async function runNetwork(
  file: CheckpointFile,
  prefix: string,
  build: (weights: Weights) => Graph,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  writeSyntheticFile(folder, file, TURBO, (name) => name.startsWith(prefix) && !/blocks\.[1-5]\./.test(name))
  using checkpoint = new SafetensorsFile(path.join(folder, file))
  const graph = build(new Weights(checkpoint))
  saveGraph(graph, folder)
  await using session = await Session.open(path.join(folder, `${graph.name}.onnx`), { threads: 2 })
  return await session.run(feeds)
}

const valuesOf = (tensor: Tensor | undefined): Float32Array => {
  assert.ok(tensor?.data instanceof Float32Array)
  return tensor.data
}

test('the voice encoder', async () => {
  const samples = fixture.readFloat32('short_16k')
  const { begin, end } = findSpeech(samples)
  const { count, values } = cutPartials(voiceMel(samples.subarray(begin, end)))
  const outputs = await runNetwork(
    've.safetensors',
    '',
    (weights) => {
      const graph = buildVoiceEncoder(weights, TURBO.voiceEncoder)
      assert.deepEqual(weights.finish()[0]?.names, ['similarity_weight', 'similarity_bias'])
      return graph
    },
    { mel: { data: values, shape: [count, 160, 40] } },
  )
  assertClose(valuesOf(outputs.embeddings), fixture.readFloat32('short_partial_embeds'), 2e-6)
})

test('the speaker encoder', async () => {
  const features = kaldiFbank(fixture.readFloat32('speech_16k'))
  subtractTimeMean(features)
  const outputs = await runNetwork(
    's3gen_meanflow.safetensors',
    'speaker_encoder.',
    (weights) => {
      const graph = buildSpeakerEncoder(weights.at('speaker_encoder'), TURBO.s3gen.speakerEncoder)
      weights.ignore(/\.num_batches_tracked$/, 'a training counter')
      weights.finish()
      return graph
    },
    { features: { data: features.values, shape: [1, features.frames, 80] } },
  )
  assertClose(valuesOf(outputs.xvector), fixture.readFloat32('b_xvector'), 1e-5)
})

test('the first block of the speech tokenizer, and digits that make up its tokens', async () => {
  const mel = speechMel(fixture.readFloat32('speech_16k'))
  const outputs = await runNetwork(
    's3gen_meanflow.safetensors',
    'tokenizer.',
    (weights) =>
      buildSpeechTokenizer(weights.at('tokenizer'), { ...TURBO.s3gen.speechTokenizer, layers: 1 }, { probes: true }),
    { mel: { data: mel.values, shape: [1, 128, mel.frames] } },
  )
  assertClose(valuesOf(outputs.hidden_block0).subarray(0, 8 * 1280), fixture.readFloat32('b_hidden_block0'), 2e-4)
  const digits = valuesOf(outputs.fsq_prerounding)
  const tokens = [...(outputs.tokens?.data ?? [])].map(Number)
  assert.equal(tokens.length, Math.ceil(mel.frames / 4))
  for (const [i, token] of tokens.entries()) {
    const levels = [...digits.subarray(8 * i, 8 * i + 8)].map((digit) => Math.round(digit) + 1)
    assert.equal(
      token,
      levels.reduceRight((sum, level) => sum * 3 + level, 0),
    )
  }
})
