// The speech tokenizer is compiled in parts, so that its 470 MB of weights are never in memory at the same time.

/** Each opened when its turn has come: a third of the weights, for 0.1 s more of loading. */
export const TOKENIZER_PARTS = 3

/** The graph of a part, from 0 on. */
export const tokenizerPartName = (index: number): string => `speech-tokenizer-${index + 1}`
