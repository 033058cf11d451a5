// Writes the documents that are made from src/contract: `node build/test/contract/write-generated.js`. generated.test.ts compares.
import { writeFileSync } from 'node:fs'
import { generatedDocuments } from './generated-documents.ts'

for (const { path, text } of generatedDocuments()) {
  writeFileSync(path, text)
  console.log(path)
}
