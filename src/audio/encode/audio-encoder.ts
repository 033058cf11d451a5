// What every encoder of ours can do: mono samples in, bytes of a file out, piece by piece.

export interface AudioEncoder extends Disposable {
  /**
   * The bytes that are ready after these samples (mono, full scale ±1); may be none. How the samples are cut does not
   * change the file.
   */
  encode(samples: Float32Array): Uint8Array | Promise<Uint8Array>
  /** The rest of the file. Nothing may be encoded afterwards. */
  finish(): Uint8Array | Promise<Uint8Array>
  /**
   * After finish(): the file's first bytes again, now with what only the end could tell (sizes, sample count,
   * checksum). Who holds the whole file puts them in place of the first ones; who streams cannot, and sent a head that
   * says `unknown` instead.
   */
  finalHead?(): Uint8Array
}
