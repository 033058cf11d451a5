// Numbers as people read them.

export const whole = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 0 })

export const dollars = (value: number): string => `$${value.toFixed(value > 0 && value < 1 ? 4 : 2)}`

export const duration = (seconds: number): string =>
  seconds < 120
    ? `${seconds.toFixed(0)} s`
    : seconds < 7200
      ? `${whole(seconds / 60)} min`
      : `${(seconds / 3600).toFixed(1)} h`
