// What can be wrong with a recording that somebody sent. Knows no HTTP: the caller adds the name of the field at fault.

/**
 * `not_audio`: no container we know. `unsupported`: known, but not decoded here. `corrupt`: the bytes contradict the
 * format. `truncated`: the file says it is longer than it is. `empty`: no samples. `too_long`: over the cap.
 * `too_slow`: over the deadline.
 */
export type AudioInputReason = 'not_audio' | 'unsupported' | 'corrupt' | 'truncated' | 'empty' | 'too_long' | 'too_slow'

/** A refusal of untrusted audio; `message` is a sentence that its sender can act on and holds nothing of ours. */
export class AudioInputError extends Error {
  readonly reason: AudioInputReason

  constructor(reason: AudioInputReason, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.name = 'AudioInputError'
    this.reason = reason
  }
}
