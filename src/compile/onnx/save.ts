// Graph → `.onnx` and `.bin`. Weights are read and written one after another, so memory holds one of them at a time.
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { version } from '../../config.ts'
import { invariant } from '../../errors.ts'
import { ELEMENT_BYTES, type Tensor } from '../tensor.ts'
import type { Graph, Value } from './graph.ts'
import {
  DATA_TYPE,
  EXTERNAL_DATA,
  encodeModel,
  type TensorProto,
  type TypeProto,
  type ValueInfoProto,
} from './proto.ts'
import type { Shape } from './shapes.ts'

/** Opset 21 has everything we use (Gelu since 20) and is what ONNX Runtime 1.30 optimises best; IR 10 belongs to it. */
const IR_VERSION = 10
const OPSETS = [
  { domain: '', version: 21 },
  { domain: 'com.microsoft', version: 1 },
]
/** ONNX Runtime maps external weights into memory instead of copying them when they start on a page. */
const PAGE_BYTES = 4096
const WRITE_BYTES = 64 << 20

/** Writes `<name>.onnx` and, if there are weights too large for it, `<name>.bin` into the folder; returns the names written. */
export function saveGraph(graph: Graph, folder: string): string[] {
  const weightsFile = `${graph.name}.bin`
  const external = writeExternalWeights(graph.externalWeights, path.join(folder, weightsFile), weightsFile)
  const renamed = new Map<string, string>()
  const identities = graph.outputs.flatMap(({ name, value }) => {
    // An output takes over the name of its value; a value that has a fixed name or two outputs gets an Identity node.
    const fixed = graph.inputs.includes(value) || renamed.has(value.name) || !isNodeResult(graph, value)
    if (!fixed) {
      renamed.set(value.name, name)
      return []
    }
    return [
      { name: `Identity_${name}`, opType: 'Identity', domain: '', input: [value.name], output: [name], attribute: [] },
    ]
  })
  const rename = (name: string): string => renamed.get(name) ?? name
  const nodes = [
    ...graph.nodes.map((node) => ({ ...node, input: node.input.map(rename), output: node.output.map(rename) })),
    ...identities.map((node) => ({ ...node, input: node.input.map(rename) })),
  ]
  const bytes = encodeModel({
    irVersion: IR_VERSION,
    producerName: 'chatterbox-serverless',
    producerVersion: version,
    opsetImport: OPSETS,
    graph: {
      name: graph.name,
      node: nodes,
      initializer: [...graph.inlineWeights.map(inlineTensor), ...external],
      input: graph.inputs.map((value) => valueInfo(value.name, value)),
      output: graph.outputs.map(({ name, value }) => valueInfo(name, value)),
    },
  })
  const graphFile = `${graph.name}.onnx`
  writeFileSync(path.join(folder, graphFile), bytes)
  return external.length > 0 ? [graphFile, weightsFile] : [graphFile]
}

const isNodeResult = (graph: Graph, value: Value): boolean =>
  graph.nodes.some((node) => node.output.includes(value.name))

function writeExternalWeights(weights: readonly Tensor[], filePath: string, fileName: string): TensorProto[] {
  if (weights.length === 0) return []
  const descriptor = openSync(filePath, 'w')
  try {
    let offset = 0
    return weights.map((weight) => {
      const bytes = weightBytes(weight)
      writeAt(descriptor, bytes, offset)
      const tensor = externalTensor(weight, fileName, offset, bytes.length)
      offset = Math.ceil((offset + bytes.length) / PAGE_BYTES) * PAGE_BYTES
      return tensor
    })
  } finally {
    closeSync(descriptor)
  }
}

function writeAt(descriptor: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(descriptor, bytes, done, Math.min(WRITE_BYTES, bytes.length - done), offset + done)
  }
}

function weightBytes(weight: Tensor): Uint8Array {
  const data = weight.read()
  const expected = weight.shape.reduce((product, size) => product * size, ELEMENT_BYTES[weight.dtype])
  invariant(
    data.byteLength === expected,
    `weight ${weight.name} has ${data.byteLength} bytes, its shape needs ${expected}`,
  )
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

const inlineTensor = (weight: Tensor): TensorProto => ({
  name: weight.name,
  dims: weight.shape,
  dataType: DATA_TYPE[weight.dtype],
  rawData: weightBytes(weight),
})

const externalTensor = (weight: Tensor, location: string, offset: number, length: number): TensorProto => ({
  name: weight.name,
  dims: weight.shape,
  dataType: DATA_TYPE[weight.dtype],
  dataLocation: EXTERNAL_DATA,
  externalData: [
    { key: 'location', value: location },
    { key: 'offset', value: String(offset) },
    { key: 'length', value: String(length) },
  ],
})

function valueInfo(name: string, value: Value): ValueInfoProto {
  if (value.dtype === 'float32-sequence')
    return { name, type: { sequenceType: { elemType: { tensorType: { elemType: DATA_TYPE.float32 } } } } }
  return { name, type: tensorType(DATA_TYPE[value.dtype], value.shape) }
}

const tensorType = (elemType: number, shape: Shape): TypeProto => ({
  tensorType: {
    elemType,
    shape: { dim: shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size })) },
  },
})
