// Multipart bodies as clients send them.

export interface Part {
  readonly name: string
  readonly value?: string
  readonly file?: Buffer
  readonly fileName?: string
}

export function multipart(parts: readonly Part[], boundary = 'x-boundary-7f3a') {
  const blocks = parts.flatMap(({ name, value, file, fileName = 'voice.wav' }) => [
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${
        file ? `; filename="${fileName}"\r\nContent-Type: application/octet-stream` : ''
      }\r\n\r\n`,
    ),
    file ?? Buffer.from(value ?? ''),
    Buffer.from('\r\n'),
  ])
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    payload: Buffer.concat([...blocks, Buffer.from(`--${boundary}--\r\n`)]),
  }
}
