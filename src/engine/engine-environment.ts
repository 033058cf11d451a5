// What the engine process is started with: how glibc, where it is the C library, takes memory from the kernel. It reads this at start only.
import { readFileSync } from 'node:fs'

/**
 * All that the engine sees of an environment: it needs no settings, and must not hold the database's password or a key.
 *
 * `hugetlb=1` asks for huge pages where the kernel gives them to whoever asks: a step of T3 reads all weights, and waits a tenth less for
 * them. What must stay sparse is kept out of it, see sparseFloats.
 *
 * From `mmap_threshold` on, blocks are mapped on their own and given back when they are freed. Left alone, glibc raises it to 32 MB, and
 * half a gigabyte that encodes a voice is never given back. In huge pages 6 MB cost no time; in small ones the activations of a sentence
 * would cost a million page faults, so there it is 20 MB, between them and the blocks of the voice networks. (docs/lab-notes.md)
 */
export const ENGINE_ENVIRONMENT: Readonly<Record<string, string>> = {
  GLIBC_TUNABLES: hasHugePages()
    ? 'glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=6000000'
    : 'glibc.malloc.mmap_threshold=20000000',
}

/** Whether this kernel gives huge pages and this C library can ask for them: Linux with glibc 2.35 or newer. */
function hasHugePages(): boolean {
  if (process.platform !== 'linux') return false
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  const [major = 0, minor = 0] = (header?.glibcVersionRuntime ?? '').split('.').map(Number)
  if (major < 2 || (major === 2 && minor < 35)) return false
  try {
    const setting = readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'utf8')
    return setting.includes('[madvise]') || setting.includes('[always]')
  } catch {
    return false // a kernel without them
  }
}
