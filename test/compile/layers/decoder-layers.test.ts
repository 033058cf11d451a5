// The decoder's layers against the definitions they are shortcuts for, written out naively.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { samePadding } from '../../../src/compile/layers/conv1d.ts'
import { frameConv1d } from '../../../src/compile/layers/frame-conv1d.ts'
import { mish } from '../../../src/compile/layers/mish.ts'
import { relativeAttention } from '../../../src/compile/layers/relative-attention.ts'
import { inverseShortTimeFourier, shortTimeFourier } from '../../../src/compile/layers/short-time-fourier.ts'
import { snakeBlock } from '../../../src/compile/layers/snake-block.ts'
import { upsamplingConv1d } from '../../../src/compile/layers/upsampling-conv1d.ts'
import { Graph } from '../../../src/compile/onnx/graph.ts'
import { floatTensor } from '../../../src/compile/tensor.ts'
import { createDistanceEncodings } from '../../../src/engine/chatterbox/decoder/distance-encodings.ts'
import { largestDifference, noiseTensor, runGraph } from '../../harness/graphs.ts'
import { scopeOf, valuesOf, type WeightValues, weightValues } from '../../harness/weights.ts'

const at = (values: ArrayLike<number>, index: number): number => values[index] ?? 0

test('a frame convolution is a convolution over time, with zeros beyond both ends', async () => {
  const [frames, inSize, outSize, kernel] = [7, 3, 2, 4]
  const values = weightValues({ weight: [outSize, inSize, kernel], bias: [outSize] })
  const [weight, bias] = [valuesOf(values, 'weight'), valuesOf(values, 'bias')]
  for (const lookahead of [0, 1, 3]) {
    const graph = new Graph('frame-conv')
    const x = noiseTensor([1, frames, inSize], 1)
    graph.output(
      'y',
      frameConv1d(graph.input('x', 'float32', [1, 'frames', inSize]), scopeOf(values), outSize, { kernel, lookahead }),
    )
    const { y } = await runGraph(graph, { x })
    const expected = Float32Array.from({ length: frames * outSize }, (_, i) => {
      const [frame, out] = [Math.floor(i / outSize), i % outSize]
      let sum = at(bias, out)
      for (let tap = 0; tap < kernel; tap++) {
        const source = frame + tap - (kernel - 1 - lookahead)
        if (source < 0 || source >= frames) continue
        for (let channel = 0; channel < inSize; channel++)
          sum += at(x.data, source * inSize + channel) * at(weight, (out * inSize + channel) * kernel + tap)
      }
      return sum
    })
    assert.ok(largestDifference(y ?? [], expected) < 1e-6, `lookahead ${lookahead}`)
  }
})

test('an upsampling convolution is the transposed convolution', async () => {
  for (const [stride, kernel] of [
    [8, 16],
    [5, 11],
    [3, 7],
    [4, 16],
  ] as const) {
    const [time, inSize, outSize, padding] = [6, 3, 2, Math.floor((kernel - stride) / 2)]
    const weight = noiseTensor([inSize, outSize, kernel], 2)
    const bias = noiseTensor([outSize], 3)
    const graph = new Graph('upsampling')
    const input = graph.input('x', 'float32', [1, inSize, 'time'])
    const taken = (name: string, { data, shape }: typeof weight) =>
      floatTensor(name, shape, () => Float32Array.from(data))
    graph.output('y', upsamplingConv1d(input, taken('w', weight), taken('b', bias), { stride, padding }))
    const x = noiseTensor([1, inSize, time], 4)
    const { y } = await runGraph(graph, { x })
    const length = stride * (time - 1) + kernel - 2 * padding
    const expected = new Float32Array(outSize * length).map((_, i) => at(bias.data, Math.floor(i / length)))
    for (let step = 0; step < time; step++) {
      for (let tap = 0; tap < kernel; tap++) {
        const position = stride * step + tap - padding
        if (position < 0 || position >= length) continue
        for (let channel = 0; channel < inSize; channel++)
          for (let out = 0; out < outSize; out++)
            expected[out * length + position] =
              at(expected, out * length + position) +
              at(x.data, channel * time + step) * at(weight.data, (channel * outSize + out) * kernel + tap)
      }
    }
    assert.ok(largestDifference(y ?? [], expected) < 2e-6, `stride ${stride}`)
  }
})

test('mish is exact from far below zero to far above', async () => {
  const graph = new Graph('mish')
  const data = Float32Array.of(-100, -30, -20, -5, -1.2, -1e-3, 0, 1e-3, 0.7, 5, 20, 50, 100, 1000)
  graph.output('y', mish(graph.input('x', 'float32', [data.length])))
  const { y } = await runGraph(graph, { x: { data, shape: [data.length] } })
  const expected = data.map((x) => x * Math.tanh(Math.log1p(Math.exp(Math.min(x, 40)))))
  assert.ok(largestDifference(y ?? [], expected) < 3e-6)
})

test('relative attention scores every pair by content and by distance', async () => {
  const [time, size] = [9, 128]
  const names = ['linear_q', 'linear_k', 'linear_v', 'linear_out']
  const shapes = Object.fromEntries(
    names.flatMap((name) => [
      [`${name}.weight`, [size, size]],
      [`${name}.bias`, [size]],
    ]),
  )
  const values = weightValues(
    { ...shapes, 'linear_pos.weight': [size, size], pos_bias_u: [2, 64], pos_bias_v: [2, 64] },
    0.1,
  )
  const graph = new Graph('attention')
  const positions = { data: createDistanceEncodings(size).upTo(time - 1), shape: [2 * time - 1, size] }
  graph.output(
    'y',
    relativeAttention(
      graph.input('x', 'float32', [1, 'time', size]),
      graph.input('positions', 'float32', ['distances', size]),
      scopeOf(values),
      size,
    ),
  )
  const x = noiseTensor([1, time, size], 5)
  const { y } = await runGraph(graph, { x, positions })

  const project = (input: ArrayLike<number>, row: number, name: string) =>
    Float64Array.from({ length: size }, (_, out) => {
      let sum = name === 'linear_pos' ? 0 : at(valuesOf(values, `${name}.bias`), out)
      const weight = valuesOf(values, `${name}.weight`)
      for (let i = 0; i < size; i++) sum += at(input, row * size + i) * at(weight, out * size + i)
      return sum
    })
  const rows = Array.from({ length: time }, (_, i) => i)
  const [query, key, value] = names.slice(0, 3).map((name) => rows.map((row) => project(x.data, row, name)))
  const attended = new Float64Array(time * size)
  for (const i of rows) {
    for (let head = 0; head < 2; head++) {
      const scores = rows.map((j) => {
        const distance = project(positions.data, time - 1 - (i - j), 'linear_pos')
        let score = 0
        for (let c = head * 64; c < head * 64 + 64; c++) {
          const q = at(query?.[i] ?? [], c)
          score +=
            (q + at(valuesOf(values, 'pos_bias_u'), c)) * at(key?.[j] ?? [], c) +
            (q + at(valuesOf(values, 'pos_bias_v'), c)) * at(distance, c)
        }
        return Math.exp(score / 8)
      })
      const total = scores.reduce((a, b) => a + b)
      for (const j of rows)
        for (let c = head * 64; c < head * 64 + 64; c++)
          attended[i * size + c] = at(attended, i * size + c) + (at(scores, j) / total) * at(value?.[j] ?? [], c)
    }
  }
  const expected = rows.flatMap((row) => [...project(attended, row, 'linear_out')])
  assert.ok(largestDifference(y ?? [], expected) < 2e-6)
})

test('a snake block with α folded into the weights equals the one written out', async () => {
  const [channels, time, kernel] = [4, 40, 3]
  const convolutions = (name: string) =>
    [0, 1, 2].flatMap((layer): [string, number[]][] => [
      [`${name}.${layer}.parametrizations.weight.original0`, [channels, 1, 1]],
      [`${name}.${layer}.parametrizations.weight.original1`, [channels, channels, kernel]],
      [`${name}.${layer}.bias`, [channels]],
    ])
  const alphas = ['activations1', 'activations2'].flatMap((name) =>
    [0, 1, 2].map((layer): [string, number[]] => [`${name}.${layer}.alpha`, [channels]]),
  )
  const shapes = Object.fromEntries([...convolutions('convs1'), ...convolutions('convs2'), ...alphas])
  const x = noiseTensor([1, channels, time], 6)
  for (const smallest of [0.3, 0]) {
    // An α of zero may not be divided by, so it makes the block write its snakes out.
    const values = weightValues(shapes)
    for (const [name, { data }] of values) {
      if (!name.endsWith('alpha')) continue
      for (const [i, value] of data.entries()) data[i] = value + 0.2 * Math.sign(value)
      data[0] = smallest
    }
    const graph = new Graph('snake')
    graph.output('y', snakeBlock(graph.input('x', 'float32', [1, channels, 'time']), scopeOf(values), kernel))
    const { y } = await runGraph(graph, { x })
    const expected = naiveSnakeBlock(x.data, values, { channels, time, kernel })
    assert.ok(largestDifference(y ?? [], expected) < 1e-5, `α = ${smallest}: ${largestDifference(y ?? [], expected)}`)
  }
})

function naiveSnakeBlock(
  x: Float32Array,
  values: WeightValues,
  { channels, time, kernel }: { channels: number; time: number; kernel: number },
): Float64Array {
  const snake = (input: Float64Array, alpha: Float32Array) =>
    input.map((value, i) => {
      const a = at(alpha, Math.floor(i / time))
      return value + Math.sin(a * value) ** 2 / (a + 1e-9)
    })
  const convolve = (input: Float64Array, name: string, dilation: number) =>
    new Float64Array(channels * time).map((_, i) => {
      const [out, step] = [Math.floor(i / time), i % time]
      const direction = valuesOf(values, `${name}.parametrizations.weight.original1`).subarray(
        out * channels * kernel,
        (out + 1) * channels * kernel,
      )
      const gain = at(valuesOf(values, `${name}.parametrizations.weight.original0`), out) / Math.hypot(...direction)
      let sum = at(valuesOf(values, `${name}.bias`), out)
      for (let channel = 0; channel < channels; channel++)
        for (let tap = 0; tap < kernel; tap++) {
          const source = step + tap * dilation - samePadding(kernel, dilation)
          if (source >= 0 && source < time)
            sum += gain * at(direction, channel * kernel + tap) * at(input, channel * time + source)
        }
      return sum
    })
  let stream = Float64Array.from(x)
  for (const [layer, dilation] of [1, 3, 5].entries()) {
    const alpha = (name: string) => valuesOf(values, `${name}.${layer}.alpha`)
    const hidden = convolve(snake(stream, alpha('activations1')), `convs1.${layer}`, dilation)
    const update = convolve(snake(hidden, alpha('activations2')), `convs2.${layer}`, 1)
    stream = stream.map((value, i) => value + at(update, i))
  }
  return stream
}

const hann = (sample: number): number => Math.sin((Math.PI * sample) / 16) ** 2

test('the short-time spectrum has the real and imaginary parts of windowed frames, mirrored at the ends', async () => {
  const length = 40
  const samples = noiseTensor([1, 1, length], 7)
  const graph = new Graph('stft')
  graph.output('spectrum', shortTimeFourier(graph.input('samples', 'float32', [1, 1, 'samples'])))
  const { spectrum } = await runGraph(graph, { samples })
  const frames = length / 4 + 1
  const expected = Float64Array.from({ length: 18 * frames }, (_, i) => {
    const [channel, frame] = [Math.floor(i / frames), i % frames]
    let sum = 0
    for (let sample = 0; sample < 16; sample++) {
      const position = Math.abs(4 * frame + sample - 8)
      const mirrored = position < length ? position : 2 * (length - 1) - position
      const angle = (2 * Math.PI * (channel % 9) * sample) / 16
      sum += hann(sample) * at(samples.data, mirrored) * (channel < 9 ? Math.cos(angle) : -Math.sin(angle))
    }
    return sum
  })
  assert.ok(largestDifference(spectrum ?? [], expected) < 1e-5)
})

test('predicted spectra become samples by overlap and add, divided by the windows that lie over each, to the very ends', async () => {
  const frames = 11
  const length = 4 * (frames - 1)
  const prediction = noiseTensor([1, 18, frames], 8)
  const graph = new Graph('istft')
  graph.output('samples', inverseShortTimeFourier(graph.input('prediction', 'float32', [1, 18, 'frames']), 'samples'))
  const { samples } = await runGraph(graph, { prediction })
  const [sum, windows] = [new Float64Array(length + 16), new Float64Array(length + 16)]
  for (let frame = 0; frame < frames; frame++) {
    for (let sample = 0; sample < 16; sample++) {
      let value = 0
      for (let frequency = 0; frequency < 9; frequency++) {
        const magnitude = Math.exp(at(prediction.data, frequency * frames + frame))
        const phase = Math.sin(at(prediction.data, (frequency + 9) * frames + frame))
        const angle = (2 * Math.PI * frequency * sample) / 16
        const wave = magnitude * (Math.cos(phase) * Math.cos(angle) - Math.sin(phase) * Math.sin(angle))
        value += (frequency % 8 === 0 ? wave : 2 * wave) / 16
      }
      const position = 4 * frame + sample
      sum[position] = at(sum, position) + hann(sample) * value
      windows[position] = at(windows, position) + hann(sample) ** 2
    }
  }
  const expected = sum.map((value, i) => value / at(windows, i)).subarray(8, 8 + length)
  assert.ok(largestDifference(samples ?? [], expected) < 1e-6)
})
