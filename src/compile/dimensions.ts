// The sizes in which a checkpoint may differ from another of the same family. Everything else is part of the architecture.

/** Width of one attention head, everywhere in the family; head counts are widths divided by it. */
export const HEAD_WIDTH = 64

export interface LanguageModelDimensions {
  readonly layers: number
  readonly width: number
  readonly feedForward: number
  /** Rows of the learned position table. */
  readonly positions: number
  /** Byte-pair tokens plus added tokens such as `[laugh]`. */
  readonly textVocabulary: number
}

export interface VoiceEncoderDimensions {
  readonly layers: number
  readonly hidden: number
  readonly embedding: number
}

export interface S3GenDimensions {
  readonly speechTokenizer: { readonly layers: number; readonly width: number; readonly feedForward: number }
  /** Layers of the three dense blocks. */
  readonly speakerEncoder: { readonly blockLayers: readonly [number, number, number] }
  readonly flowEncoder: {
    readonly width: number
    readonly feedForward: number
    readonly layers: number
    /** Layers after the upsampling. */
    readonly upLayers: number
  }
  readonly flowEstimator: {
    readonly channels: number
    readonly timeWidth: number
    readonly attentionWidth: number
    readonly feedForward: number
    /** Transformer blocks after each resnet block. */
    readonly transformerBlocks: number
    readonly midBlocks: number
  }
  readonly vocoder: {
    /** Channels before the first upsampling; each of the three halves them. */
    readonly channels: number
    readonly f0Channels: number
  }
}

export interface Dimensions {
  readonly languageModel: LanguageModelDimensions
  readonly voiceEncoder: VoiceEncoderDimensions
  readonly s3gen: S3GenDimensions
}

const FULL: Omit<Dimensions, 'languageModel'> = {
  voiceEncoder: { layers: 3, hidden: 256, embedding: 256 },
  s3gen: {
    speechTokenizer: { layers: 6, width: 1280, feedForward: 5120 },
    speakerEncoder: { blockLayers: [12, 24, 16] },
    flowEncoder: { width: 512, feedForward: 2048, layers: 6, upLayers: 4 },
    flowEstimator: {
      channels: 256,
      timeWidth: 1024,
      attentionWidth: 512,
      feedForward: 1024,
      transformerBlocks: 4,
      midBlocks: 12,
    },
    vocoder: { channels: 512, f0Channels: 512 },
  },
}

export const TURBO: Dimensions = {
  ...FULL,
  languageModel: { layers: 24, width: 1024, feedForward: 4096, positions: 8196, textVocabulary: 50276 },
}

export const NANO: Dimensions = {
  ...FULL,
  languageModel: { layers: 12, width: 768, feedForward: 3072, positions: 8196, textVocabulary: 50276 },
}

/** The same architecture at a size that compiles and runs in seconds; 276 text tokens = 256 bytes, end of text, 19 tags. */
export const TINY: Dimensions = {
  languageModel: { layers: 2, width: 128, feedForward: 512, positions: 2048, textVocabulary: 276 },
  voiceEncoder: { layers: 3, hidden: 32, embedding: 32 },
  s3gen: {
    speechTokenizer: { layers: 2, width: 128, feedForward: 256 },
    speakerEncoder: { blockLayers: [2, 2, 2] },
    flowEncoder: { width: 128, feedForward: 256, layers: 2, upLayers: 1 },
    flowEstimator: {
      channels: 64,
      timeWidth: 128,
      attentionWidth: 128,
      feedForward: 128,
      transformerBlocks: 1,
      midBlocks: 2,
    },
    vocoder: { channels: 64, f0Channels: 64 },
  },
}

/** Code book of the speech tokenizer: 3^8 tokens; the language model adds start and stop. */
export const SPEECH_TOKENS = 6561
export const SPEECH_VOCABULARY = SPEECH_TOKENS + 2
/** Mel channels of the vocoder's side (24 kHz) and length of the speaker encoder's x-vector. */
export const MEL_CHANNELS = 80
export const XVECTOR_SIZE = 192
