// A pickle machine that executes nothing: it knows the few opcodes of a torch file and builds plain values. Names of functions are looked up
// in the caller's table; a name that is not there ends the reading. https://docs.python.org/3/library/pickletools.html
import { CheckpointError } from './checkpoint-error.ts'

/** What a pickle may hold here. Tuples and lists are arrays; `unknown` stands for what the caller's own functions return. */
export type PickleValue = unknown

export interface PickleOptions {
  /** For messages. */
  readonly fileName: string
  /** `module name` → the function that stands for it; called with the tuple's items. Nothing else can be called. */
  readonly globals: Readonly<Record<string, (args: readonly PickleValue[]) => PickleValue>>
  /** Turns a persistent id into a value. */
  readonly persistent: (id: PickleValue) => PickleValue
}

const MARK = Symbol('mark')
type Callable = (args: readonly PickleValue[]) => PickleValue

export function readPickle(bytes: Uint8Array, options: PickleOptions): PickleValue {
  return new Machine(bytes, options).run()
}

class Machine {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #options: PickleOptions
  readonly #stack: PickleValue[] = []
  readonly #memo = new Map<number, PickleValue>()
  #position = 0

  constructor(bytes: Uint8Array, options: PickleOptions) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#options = options
  }

  run(): PickleValue {
    for (;;) {
      const at = this.#position
      const code = this.#take(1)[0] ?? 0
      if (code === 0x2e) return this.#pop() // STOP
      const step = OPCODES[code]
      if (!step)
        this.fail(`has the opcode 0x${code.toString(16).padStart(2, '0')} at byte ${at}, which no tensor file needs`)
      step(this)
    }
  }

  fail(problem: string): never {
    throw new CheckpointError(this.#options.fileName, `the pickle ${problem}`)
  }

  push(value: PickleValue): void {
    this.#stack.push(value)
  }

  pop(): PickleValue {
    const value = this.#pop()
    if (value === MARK) this.fail('is damaged: a value is missing')
    return value
  }

  top(): PickleValue {
    const value = this.pop()
    this.push(value)
    return value
  }

  /** Everything above the last mark; the mark goes too. */
  popToMark(): PickleValue[] {
    const mark = this.#stack.lastIndexOf(MARK)
    if (mark < 0) this.fail('is damaged: a mark is missing')
    const values = this.#stack.splice(mark)
    return values.slice(1)
  }

  mark(): void {
    this.#stack.push(MARK)
  }

  /** The topmost container, which must be of the kind the opcode adds to. */
  target<T>(kind: new () => T): T {
    const value = this.top()
    if (!(value instanceof kind)) this.fail(`adds items to something that is no ${kind.name.toLowerCase()}`)
    return value
  }

  remember(index: number): void {
    this.#memo.set(index, this.top())
  }

  recall(index: number): void {
    if (!this.#memo.has(index)) this.fail(`recalls value ${index}, which it never stored`)
    this.push(this.#memo.get(index))
  }

  persistent(): void {
    this.push(this.#options.persistent(this.pop()))
  }

  global(): void {
    const [module, name] = [this.line(), this.line()]
    const key = `${module} ${name}`
    if (!Object.hasOwn(this.#options.globals, key))
      this.fail(`asks for ${module}.${name}; only tensors are read, and nothing is ever executed`)
    this.push(this.#options.globals[key])
  }

  call(): void {
    const args = this.pop()
    const callee = this.pop()
    if (typeof callee !== 'function' || !Array.isArray(args)) this.fail('calls something that is no function')
    this.push((callee as Callable)(args))
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#position)
    if (end < 0) this.fail('ends within a name')
    const text = new TextDecoder().decode(this.#take(end - this.#position))
    this.#take(1)
    return text
  }

  text(bytes: number): string {
    return new TextDecoder().decode(this.#take(bytes))
  }

  number(bytes: number, read: (view: DataView, position: number) => number): number {
    const at = this.#position
    this.#take(bytes)
    return read(this.#view, at)
  }

  /** LONG1: a little-endian two's complement integer; tensor sizes stay far below 2^53. */
  long(): number {
    const bytes = this.#take(this.number(1, (view, at) => view.getUint8(at)))
    if (bytes.length > 6) this.fail('has an integer of more than 48 bits')
    const unsigned = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0)
    return (bytes.at(-1) ?? 0) >= 128 ? unsigned - 256 ** bytes.length : unsigned
  }

  #pop(): PickleValue {
    if (this.#stack.length === 0) this.fail('is damaged: the stack is empty')
    return this.#stack.pop()
  }

  #take(count: number): Uint8Array {
    const begin = this.#position
    if (begin + count > this.#bytes.length) this.fail('ends too early')
    this.#position += count
    return this.#bytes.subarray(begin, begin + count)
  }
}

const uint8 = (view: DataView, at: number) => view.getUint8(at)
const uint16 = (view: DataView, at: number) => view.getUint16(at, true)
const uint32 = (view: DataView, at: number) => view.getUint32(at, true)
const int32 = (view: DataView, at: number) => view.getInt32(at, true)
const float64 = (view: DataView, at: number) => view.getFloat64(at, false)

function tuple(machine: Machine, size: number): void {
  const items = Array.from({ length: size }, () => machine.pop()).reverse()
  machine.push(items)
}

function setItems(machine: Machine, items: readonly PickleValue[]): void {
  const target = machine.target(Map)
  for (let i = 0; i + 1 < items.length; i += 2) target.set(items[i], items[i + 1])
}

/** All that torch.save writes for dictionaries of tensors, at pickle protocol 2. */
const OPCODES: Readonly<Record<number, (machine: Machine) => void>> = {
  128: (m) => {
    if (m.number(1, uint8) > 2) m.fail('has a protocol newer than torch writes')
  }, // PROTO
  40: (m) => m.mark(), // MARK
  41: (m) => m.push([]), // EMPTY_TUPLE
  93: (m) => m.push([]), // EMPTY_LIST
  125: (m) => m.push(new Map()), // EMPTY_DICT
  78: (m) => m.push(null), // NONE
  136: (m) => m.push(true), // NEWTRUE
  137: (m) => m.push(false), // NEWFALSE
  75: (m) => m.push(m.number(1, uint8)), // BININT1
  77: (m) => m.push(m.number(2, uint16)), // BININT2
  74: (m) => m.push(m.number(4, int32)), // BININT
  138: (m) => m.push(m.long()), // LONG1
  71: (m) => m.push(m.number(8, float64)), // BINFLOAT
  88: (m) => m.push(m.text(m.number(4, uint32))), // BINUNICODE
  113: (m) => m.remember(m.number(1, uint8)), // BINPUT
  114: (m) => m.remember(m.number(4, uint32)), // LONG_BINPUT
  104: (m) => m.recall(m.number(1, uint8)), // BINGET
  106: (m) => m.recall(m.number(4, uint32)), // LONG_BINGET
  116: (m) => m.push(m.popToMark()), // TUPLE
  133: (m) => tuple(m, 1), // TUPLE1
  134: (m) => tuple(m, 2), // TUPLE2
  135: (m) => tuple(m, 3), // TUPLE3
  97: (m) => {
    const item = m.pop()
    m.target<PickleValue[]>(Array).push(item)
  }, // APPEND
  101: (m) => {
    const items = m.popToMark()
    m.target<PickleValue[]>(Array).push(...items)
  }, // APPENDS
  115: (m) => {
    const value = m.pop()
    const key = m.pop()
    setItems(m, [key, value])
  }, // SETITEM
  117: (m) => {
    const items = m.popToMark()
    setItems(m, items)
  }, // SETITEMS
  81: (m) => m.persistent(), // BINPERSID
  99: (m) => m.global(), // GLOBAL
  82: (m) => m.call(), // REDUCE
}
