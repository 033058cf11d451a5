// The committed documents say what the contract says.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { packageRoot } from '../../src/config.ts'
import { buildOpenApi } from '../../src/contract/openapi.ts'
import { describeSchema } from '../../src/contract/schema-facts.ts'
import { SCHEMAS, type SchemaName } from '../../src/contract/schemas.ts'
import { generatedDocuments } from './generated-documents.ts'

for (const { path: file, text } of generatedDocuments()) {
  test(`${path.relative(packageRoot, file)} is what src/contract makes`, () => {
    const committed = existsSync(file) ? readFileSync(file, 'utf8') : ''
    assert.equal(committed, text, 'run: npm run build && node build/test/contract/write-generated.js')
  })
}

test('the OpenAPI document is valid OpenAPI 3.1', async () => {
  const result = await new Validator().validate(structuredClone(buildOpenApi('1.2.3', 'https://tts.example')))
  assert.deepEqual(result, { valid: true })
})

test('the OpenAPI validator used here does find faults', async () => {
  const broken = { ...buildOpenApi('1.2.3', 'https://tts.example'), paths: { 'no-slash': 1 } }
  assert.equal((await new Validator().validate(broken)).valid, false)
})

test('every example is a value of its schema', () => {
  for (const [name, schema] of Object.entries(SCHEMAS)) {
    const { example } = describeSchema(name as SchemaName)
    assert.equal(schema.safeParse(example).error, undefined, name)
  }
})
