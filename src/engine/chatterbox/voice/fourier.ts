// Fourier transform of any length made of small primes, in float64. The front ends use 400 and 1920 points, which no power-of-two
// library offers; float64 because the log of a quiet band shows every rounding error of a float32 transform.

interface Stage {
  readonly radix: number
  /** Length of the transforms that this stage combines, and the number of combined ones. */
  readonly length: number
  readonly count: number
}

/** A planned transform. Not shared between concurrent users: it owns its work buffers. */
export class FourierTransform {
  readonly size: number
  readonly #stages: readonly Stage[]
  readonly #cosines: Float64Array
  readonly #sines: Float64Array
  #work: Complex

  constructor(size: number) {
    this.size = size
    this.#stages = planStages(size)
    this.#cosines = Float64Array.from({ length: size }, (_, i) => Math.cos((2 * Math.PI * i) / size))
    this.#sines = Float64Array.from({ length: size }, (_, i) => -Math.sin((2 * Math.PI * i) / size))
    this.#work = { real: new Float64Array(size), imaginary: new Float64Array(size) }
  }

  /** X[k] = Σ x[n] e^(-2πikn/size). The arguments are overwritten; use what is returned, it may be other arrays. */
  transform(signal: Complex): Complex {
    // Stockham's autosort: each stage reads one buffer and writes the other, and the last leaves natural order.
    let from = signal
    let to = this.#work
    for (const stage of this.#stages) {
      this.#combine(stage, from, to)
      const swap = from
      from = to
      to = swap
    }
    this.#work = to
    return from
  }

  /** y[(j + length·r)·count + k] = Σq e^(-2πi·q·(j + length·r) / (length·radix)) · x[j·radix·count + q·count + k] */
  #combine({ radix, length, count }: Stage, from: Complex, to: Complex): void {
    const cosines = this.#cosines
    const sines = this.#sines
    for (let j = 0; j < length; j++) {
      for (let r = 0; r < radix; r++) {
        const row = j + length * r
        const out = row * count
        for (let q = 0; q < radix; q++) {
          const angle = ((q * row) % (length * radix)) * count
          const cosine = cosines[angle] ?? 0
          const sine = sines[angle] ?? 0
          const into = (j * radix + q) * count
          for (let k = 0; k < count; k++) {
            const real = from.real[into + k] ?? 0
            const imaginary = from.imaginary[into + k] ?? 0
            const x = real * cosine - imaginary * sine
            const y = real * sine + imaginary * cosine
            to.real[out + k] = q === 0 ? x : (to.real[out + k] ?? 0) + x
            to.imaginary[out + k] = q === 0 ? y : (to.imaginary[out + k] ?? 0) + y
          }
        }
      }
    }
  }
}

export interface Complex {
  readonly real: Float64Array
  readonly imaginary: Float64Array
}

function planStages(size: number): Stage[] {
  const stages: Stage[] = []
  let length = 1
  for (const radix of [5, 3, 4, 2]) {
    while ((size / length) % radix === 0) {
      stages.push({ radix, length, count: size / length / radix })
      length *= radix
    }
  }
  if (length !== size) throw new Error(`${size} has a prime factor above 5`)
  return stages
}
