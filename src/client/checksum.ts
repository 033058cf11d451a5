// Two lots of bytes that come in parts: are they the same? FNV-1a, against chance and not against anybody.

export interface Checksum {
  readonly value: number
  add(bytes: Uint8Array): void
}

export function createChecksum(): Checksum {
  let value = 0x811c9dc5
  return {
    get value() {
      return value >>> 0
    },
    add(bytes) {
      for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193)
    },
  }
}
