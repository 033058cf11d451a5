// The bytes of a `data:` URI (RFC 2397). Strict where a slip would change the recording; the media type is not believed.

export type DataUri =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'invalid' }
  | { readonly kind: 'too-large' }

const ASCII_WHITE_SPACE = /[\t\n\f\r ]+/g

/** Base64 may be wrapped in lines, unpadded or of the URL alphabet; anything else that is not base64 makes it invalid. */
export function parseDataUri(uri: string, maxBytes: number): DataUri {
  const comma = uri.indexOf(',')
  // A media type with its parameters fits many times over; without a bound the search for it could take the whole upload.
  if (comma < 0 || comma > 1000) return { kind: 'invalid' }
  const base64 = /;\s*base64\s*$/i.test(uri.slice('data:'.length, comma))
  // Three encoded characters a byte is the longest either form can need.
  if (uri.length - comma > 3 * maxBytes + 3) return { kind: 'too-large' }
  const body = unescapePercent(uri.slice(comma + 1))
  if (!body) return { kind: 'invalid' }
  const bytes = base64 ? decodeBase64(body.toString('latin1')) : body
  if (!bytes) return { kind: 'invalid' }
  return bytes.byteLength > maxBytes ? { kind: 'too-large' } : { kind: 'bytes', bytes }
}

function unescapePercent(text: string): Buffer | undefined {
  if (!text.includes('%')) return isAscii(text) ? Buffer.from(text, 'latin1') : undefined
  const bytes = Buffer.alloc(text.length)
  let length = 0
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i)
    if (code > 0x7f) return undefined
    if (code === 0x25) {
      const hex = text.slice(i + 1, i + 3)
      if (!/^[0-9a-f]{2}$/i.test(hex)) return undefined
      code = Number.parseInt(hex, 16)
      i += 2
    }
    bytes[length++] = code
  }
  return bytes.subarray(0, length)
}

/** Buffer skips what it does not know; the length tells whether it did. */
function decodeBase64(text: string): Buffer | undefined {
  const digits = text.replace(ASCII_WHITE_SPACE, '').replace(/={1,2}$/, '')
  const bytes = Buffer.from(digits, 'base64')
  return digits.length % 4 !== 1 && bytes.byteLength === Math.floor((digits.length * 3) / 4) ? bytes : undefined
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text, 'utf8') === text.length
}
