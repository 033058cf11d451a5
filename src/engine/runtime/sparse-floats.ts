// Memory that is taken from the system page by page, whatever the C library does with its own.

type Resizable = new (byteLength: number, options: { readonly maxByteLength: number }) => ArrayBuffer

/**
 * `count` zeros that cost memory only where they have been written, in pages of 4 KB. An ordinary large array comes from malloc, which in
 * the engine process asks for huge pages (engine-environment.ts): one number written makes 2 MB resident. The buffer of a resizable array
 * V8 maps itself, and asks for nothing. Its size never changes here, so its address does not either.
 */
export function sparseFloats(count: number): Float32Array {
  const bytes = count * Float32Array.BYTES_PER_ELEMENT
  return new Float32Array(new (ArrayBuffer as Resizable)(bytes, { maxByteLength: bytes }), 0, count)
}
