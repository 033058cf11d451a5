// Memory that is taken from the system page by page, whatever the C library does with its own.

/** As in ES2024, whose types this project does not have yet. */
interface ResizableBuffer extends ArrayBuffer {
  resize(byteLength: number): void
}
type Resizable = new (byteLength: number, options: { readonly maxByteLength: number }) => ResizableBuffer

/**
 * `count` zeros that cost memory only where they have been written, in pages of 4 KB. An ordinary large array comes from malloc, which in
 * the engine process asks for huge pages (engine-environment.ts): one number written makes 2 MB resident. The buffer of a resizable array
 * V8 maps itself, and asks for nothing. Its size never changes here, so its address does not either.
 */
export function sparseFloats(count: number): Float32Array {
  const bytes = count * Float32Array.BYTES_PER_ELEMENT
  return new Float32Array(new (ArrayBuffer as unknown as Resizable)(bytes, { maxByteLength: bytes }), 0, count)
}

/**
 * Makes all but the first `kept` of such zeros zero again and gives their memory back to the system: V8 gives up the pages of a buffer that
 * shrinks. Nobody may read or write them meanwhile; views of them are valid again afterwards.
 */
export function forgetAfter(floats: Float32Array, kept: number): void {
  const buffer = floats.buffer as ResizableBuffer
  const bytes = buffer.byteLength
  buffer.resize(kept * Float32Array.BYTES_PER_ELEMENT)
  buffer.resize(bytes)
}
