// Packets → Ogg pages (RFC 3533). Knows nothing of the codec inside.

const CRC_POLYNOMIAL = 0x04c11db7
const FIRST_PAGE = 2
const LAST_PAGE = 4
const HEADER_BYTES = 27

/** One logical stream. Equal packets give equal bytes: the serial number is the caller's, not a random one. */
export class OggStream {
  readonly #serial: number
  #pages = 0

  constructor(serial: number) {
    this.#serial = serial
  }

  /**
   * One page that holds `packets` whole. `granule` is the position after the last of them, in the codec's unit. A
   * packet of n bytes takes n / 255 + 1 of the 255 entries of a page's table; the caller keeps below that.
   */
  page(packets: readonly Uint8Array[], granule: number, { last = false } = {}): Uint8Array<ArrayBuffer> {
    const lacing = packets.flatMap((packet) => [
      ...new Array<number>(Math.floor(packet.length / 255)).fill(255),
      packet.length % 255,
    ])
    const page = Buffer.alloc(HEADER_BYTES + lacing.length + packets.reduce((sum, packet) => sum + packet.length, 0))
    page.write('OggS', 0, 'latin1')
    page[5] = (this.#pages === 0 ? FIRST_PAGE : 0) | (last ? LAST_PAGE : 0)
    page.writeBigInt64LE(BigInt(granule), 6)
    page.writeUInt32LE(this.#serial, 14)
    page.writeUInt32LE(this.#pages++, 18)
    page[26] = lacing.length
    page.set(lacing, HEADER_BYTES)
    let at = HEADER_BYTES + lacing.length
    for (const packet of packets) {
      page.set(packet, at)
      at += packet.length
    }
    page.writeUInt32LE(oggCrc(page), 22)
    return new Uint8Array(page)
  }
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24
  for (let bit = 0; bit < 8; bit++) value = value & 0x80000000 ? (value << 1) ^ CRC_POLYNOMIAL : value << 1
  return value
})

/** CRC-32 without reflection, starting from 0; its own field counts as zero. */
function oggCrc(page: Uint8Array): number {
  let value = 0
  for (const byte of page) value = (value << 8) ^ (CRC_TABLE[(value >>> 24) ^ byte] ?? 0)
  return value >>> 0
}
