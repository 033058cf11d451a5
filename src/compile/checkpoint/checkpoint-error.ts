// What is wrong with a checkpoint, in words for the person who brought it: which file, which tensor, what was expected.

/** A checkpoint that cannot be read or is not the model it claims to be. The message names file and tensor, never a path. */
export class CheckpointError extends Error {
  constructor(fileName: string, problem: string, options: ErrorOptions = {}) {
    super(`${fileName}: ${problem}`, options)
    this.name = 'CheckpointError'
  }
}
