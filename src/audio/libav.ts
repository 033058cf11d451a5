// The only door to libav.js (FFmpeg's demuxers, decoders and encoders as WebAssembly).
import LibAV from '@libav.js/variant-obsolete'

export type Libav = Awaited<ReturnType<typeof startLibav>>
export type LibavFrame = LibAV.Frame
export type LibavPacket = LibAV.Packet
export type LibavStream = LibAV.Stream

/**
 * A fresh FFmpeg in this thread, about 30 ms. After hostile input has been through it, drop it: nothing in it is
 * trusted any more. Its calls block the thread, so untrusted or long work belongs in a worker thread.
 */
export async function startLibav() {
  const libav = await LibAV.LibAV({ noworker: true })
  await libav.av_log_set_level(libav.AV_LOG_QUIET) // FFmpeg would write what it thinks of broken files to our standard error
  return libav
}
