// A schema as rows for a reader: name, type with default and range, description.
import { z } from 'zod'
import { SCHEMAS, type SchemaName } from './schemas.ts'

export interface Field {
  readonly name: string
  /** `number, 0.05 to 2, default 0.7` */
  readonly facts: string
  readonly description: string
}

interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly maxLength?: number
  readonly enum?: readonly string[]
  readonly const?: unknown
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly required?: readonly string[]
  readonly examples?: readonly unknown[]
}

export function fieldsOf(schema: SchemaName): Field[] {
  const { properties = {}, required = [] } = toJsonSchema(schema)
  return Object.entries(properties).map(([name, field]) => ({
    name,
    facts: [...typeFacts(field), ...(required.includes(name) ? ['required'] : [])].join(', '),
    description: field.description ?? '',
  }))
}

/** What the schema stands for, and one value of it. */
export function describeSchema(schema: SchemaName): { description: string; example: unknown } {
  const { description = schema, examples } = toJsonSchema(schema)
  return { description, example: examples?.[0] }
}

function typeFacts(field: JsonSchema): string[] {
  const [value, ...others] = field.anyOf?.filter(({ type }) => type !== 'null') ?? []
  if (value && others.length === 0) {
    const [type, ...facts] = typeFacts(value)
    return [`${type} or null`, ...facts]
  }
  const { minimum, maximum, maxLength } = field
  // The range of a seed is that of JSON's integers: no limit a person needs to read.
  const isBounded = minimum !== undefined && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER
  return [
    typeName(field),
    ...(isBounded ? [`${minimum} to ${maximum}`] : []),
    ...(maxLength === undefined ? [] : [`up to ${maxLength.toLocaleString('en-US')} characters`]),
    ...(field.default === undefined ? [] : [`default ${JSON.stringify(field.default)}`]),
  ]
}

function typeName({ anyOf, const: constant, enum: values, items, type = '' }: JsonSchema): string {
  if (anyOf) return anyOf.map(typeName).join(' | ')
  if (constant !== undefined) return JSON.stringify(constant)
  if (values) return values.join(' | ')
  return type === 'array' ? `array of ${items?.type}` : type
}

function toJsonSchema(schema: SchemaName): JsonSchema {
  return z.toJSONSchema(SCHEMAS[schema], { io: 'input' }) as JsonSchema
}
