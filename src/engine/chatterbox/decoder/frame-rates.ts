// The clock of the decoder: 25 speech tokens, 50 mel frames and 24,000 samples are one second.

export const SAMPLE_RATE = 24000
export const SAMPLES_PER_FRAME = 480
export const FRAMES_PER_TOKEN = 2
export const MEL_BANDS = 80
