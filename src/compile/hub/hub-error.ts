// What went wrong with a download, for the person who asked for it.

/** The message says what to do; it never holds a token. */
export class HubError extends Error {
  constructor(message: string, options: ErrorOptions = {}) {
    super(message, options)
    this.name = 'HubError'
  }
}
