import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PUBLIC_AND_PRIVATE, PUBLIC_INTERNET } from '../../src/outbound/address-rules.ts'

const PUBLIC = ['8.8.8.8', '1.1.1.1', '2606:4700::1111', '2a00:1450:4001::1', '::ffff:8.8.8.8']
const INTRANET = [
  '127.0.0.1',
  '10.0.0.1',
  '172.31.0.1',
  '192.168.1.1',
  '100.64.0.1',
  '::1',
  'fd00::1',
  '::ffff:10.0.0.1',
]
const NEVER = [
  '0.0.0.0',
  '0.1.2.3',
  '::',
  '169.254.169.254',
  '::ffff:169.254.169.254',
  '168.63.129.16',
  'fe80::1',
  'fec0::1',
  '224.0.0.1',
  'ff02::1',
  '240.0.0.1',
  '255.255.255.255',
  '192.0.0.192',
  '192.0.2.1',
  '198.18.0.1',
  '203.0.113.1',
  '192.88.99.1',
  '64:ff9b::7f00:1',
  '64:ff9b:1::a00:1',
  '2002:7f00:1::',
  '2001:0:1::1',
  '2001:db8::1',
  '3fff::1',
  '::a00:1',
  '::ffff:0:a00:1',
  '100::1',
  '100:0:0:1::1',
  '4000::1',
  '5f00::1',
  'localhost',
  '',
]

for (const address of PUBLIC) {
  test(`${address} is public`, () => {
    assert.ok(PUBLIC_INTERNET.allowsAddress(address))
    assert.ok(PUBLIC_AND_PRIVATE.allowsAddress(address))
  })
}
for (const address of INTRANET) {
  test(`${address} is reached only where private addresses are allowed`, () => {
    assert.ok(!PUBLIC_INTERNET.allowsAddress(address))
    assert.ok(PUBLIC_AND_PRIVATE.allowsAddress(address))
  })
}
for (const address of NEVER) {
  test(`"${address}" is never reached`, () => {
    assert.ok(!PUBLIC_INTERNET.allowsAddress(address))
    assert.ok(!PUBLIC_AND_PRIVATE.allowsAddress(address))
  })
}

test('the public internet has two ports, an intranet every one', () => {
  assert.deepEqual([22, 80, 443, 5432, 8080].filter(PUBLIC_INTERNET.allowsPort), [80, 443])
  assert.deepEqual([0, 22, 8080].filter(PUBLIC_AND_PRIVATE.allowsPort), [22, 8080])
})
