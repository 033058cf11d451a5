// What text costs, in integer micro-dollars. Pure; docs/decisions/2026-11-22-price-per-character.md says why characters.

/** Micro-dollars of an amount of credits. A credit is a US dollar. */
export function microFromCredits(credits: number): number {
  return Math.round(credits * 1_000_000)
}

/** The other way round: credits as JSON has them, a number. */
export function creditsFromMicro(micro: number): number {
  return micro / 1_000_000
}

/**
 * The price of speaking `text`, rounded up to a whole micro-dollar. A character is a Unicode code point, so an emoji of one code point
 * counts once, and what is typed as `é` costs the same on every keyboard that composes it.
 * `pricePer1000Characters` is in credits.
 */
export function priceMicro(text: string, pricePer1000Characters: number): number {
  let characters = 0
  for (const _ of text) characters++
  // Whole micro-dollars per 1,000 characters first: 0.07 × 1,000 in floating point is a little over 70 and would round up.
  return Math.ceil((characters * microFromCredits(pricePer1000Characters)) / 1000)
}

/** Credits for people, as the hosted API writes them: `0.0`, `0.0064`, `10.0`. */
export function formatCredits(micro: number): string {
  const [whole, fraction = ''] = (micro / 1_000_000).toFixed(6).split('.')
  return `${whole}.${fraction.replace(/0+$/, '') || '0'}`
}
