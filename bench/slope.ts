// Does a number grow? Least squares over a run, with the uncertainty of what they find.

export interface Reading {
  readonly seconds: number
  readonly value: number
}

export interface Slope {
  readonly perHour: number
  /** Half of the 95 % confidence interval of `perHour`; as if the readings were independent, which is too kind to it. */
  readonly plusMinus: number
  readonly first: number
  readonly last: number
}

/** Of each minute the lowest reading: what garbage collection could not take back. */
export function lowestOfEachMinute(readings: readonly Reading[]): Reading[] {
  const lowest = new Map<number, Reading>()
  for (const reading of readings) {
    const minute = Math.floor(reading.seconds / 60)
    const known = lowest.get(minute)
    if (!known || reading.value < known.value) lowest.set(minute, reading)
  }
  return [...lowest.values()]
}

/** NaN where there are fewer than three readings. */
export function slopeOf(readings: readonly Reading[]): Slope {
  const n = readings.length
  const mean = (pick: (reading: Reading) => number) => readings.reduce((sum, one) => sum + pick(one), 0) / n
  const [atMean, valueMean] = [mean(({ seconds }) => seconds), mean(({ value }) => value)]
  const spread = n * mean(({ seconds }) => (seconds - atMean) ** 2)
  const slope = (n * mean(({ seconds, value }) => (seconds - atMean) * (value - valueMean))) / spread
  const residual = n * mean(({ seconds, value }) => (value - valueMean - slope * (seconds - atMean)) ** 2)
  const deviation = Math.sqrt(residual / (n - 2) / spread)
  return {
    perHour: slope * 3600,
    plusMinus: n < 3 ? Number.NaN : studentT95(n - 2) * deviation * 3600,
    first: readings[0]?.value ?? Number.NaN,
    last: readings.at(-1)?.value ?? Number.NaN,
  }
}

/** Two-sided 95 % quantile of Student's t, by the expansion of Cornish and Fisher; 2 % off at 3 degrees of freedom, less above. */
function studentT95(degrees: number): number {
  const z = 1.959964
  return z + (z ** 3 + z) / (4 * degrees) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2)
}
