// The Range header of a download (RFC 9110 §14): one range, as media players and resuming clients send it.

export type ByteRange =
  /** No range, one we do not serve (several, or another unit), or one that may be ignored: send the whole. */
  | { readonly kind: 'whole' }
  /** `end` is exclusive. */
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' }

export function readByteRange(header: string | undefined, size: number): ByteRange {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(' ', '') ?? '')
  const [first, last] = [match?.[1] ?? '', match?.[2] ?? '']
  if (first === '' && last === '') return { kind: 'whole' }
  if (first === '') {
    // The last so many bytes.
    const start = Math.max(0, size - Number(last))
    return start < size ? { kind: 'part', start, end: size } : { kind: 'unsatisfiable' }
  }
  const start = Number(first)
  const end = last === '' ? size : Math.min(size, Number(last) + 1)
  if (last !== '' && Number(last) < start) return { kind: 'whole' } // not a valid range: it is ignored
  return start < size ? { kind: 'part', start, end } : { kind: 'unsatisfiable' }
}
