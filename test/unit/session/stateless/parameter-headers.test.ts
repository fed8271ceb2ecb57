import { describe, expect, test } from 'vitest';
import {
  headerText,
  parameterFields,
  readParameterHeaders,
} from '../../../../src/session/stateless/parameter-headers.js';

const property = (schema: object) => ({ type: 'object', properties: { a: schema } });
const wanted = (more: object) => property({ type: 'string', 'x-mcp-header': 'Region', ...more });

describe('the header fields of a tool', () => {
  test('are found at every depth of properties', () => {
    const schema = {
      type: 'object',
      properties: {
        region: { type: 'string', 'x-mcp-header': 'Region' },
        inside: { type: 'object', properties: { n: { type: ['integer', 'null'], 'x-mcp-header': 'N' } } },
        plain: { type: 'string' },
      },
    };
    expect(readParameterHeaders(schema)).toEqual([
      { path: ['region'], field: 'mcp-param-Region' },
      { path: ['inside', 'n'], field: 'mcp-param-N' },
    ]);
  });

  test.each([undefined, null, true, {}, { type: 'object' }, property({ type: 'string' })])(
    'are none in %j',
    (schema) => expect(readParameterHeaders(schema)).toEqual([]),
  );

  test.each([
    ['an empty name', wanted({ 'x-mcp-header': '' })],
    ['a name that is no token', wanted({ 'x-mcp-header': 'My Region' })],
    ['a name with a line break', wanted({ 'x-mcp-header': 'A\r\nB' })],
    ['a name with a colon', wanted({ 'x-mcp-header': 'A:' })],
    ['a name in other letters', wanted({ 'x-mcp-header': 'Région' })],
    ['a name that is no text', wanted({ 'x-mcp-header': 5 })],
    ['an object as its name', wanted({ 'x-mcp-header': { toString: 0, valueOf: 0 } })],
    ['a number', wanted({ type: 'number' })],
    ['an object', wanted({ type: 'object' })],
    ['an array', wanted({ type: 'array' })],
    ['no type', wanted({ type: undefined })],
    ['null alone', wanted({ type: 'null' })],
    ['several types, one not allowed', wanted({ type: ['string', 'number'] })],
    ['the root', { type: 'string', 'x-mcp-header': 'Region' }],
    ['items', property({ type: 'array', items: { type: 'string', 'x-mcp-header': 'Region' } })],
    ['anyOf', property({ anyOf: [{ type: 'string', 'x-mcp-header': 'Region' }] })],
    ['properties inside of anyOf', { anyOf: [wanted({})] }],
    ['$defs', { type: 'object', $defs: { a: { type: 'string', 'x-mcp-header': 'Region' } } }],
    [
      'the same name twice, in other letters',
      {
        properties: {
          a: { type: 'string', 'x-mcp-header': 'Region' },
          b: { type: 'string', 'x-mcp-header': 'REGION' },
        },
      },
    ],
  ])('are not allowed with %s', (_what, schema) => {
    expect(readParameterHeaders(schema)).toEqual(expect.stringContaining('x-mcp-header'));
  });

  test('are not looked for in data', () => {
    const data = { 'x-mcp-header': 'Region' };
    const schema = property({ type: 'object', default: data, const: data, enum: [data], examples: [data] });
    expect(readParameterHeaders(schema)).toEqual([]);
  });

  test('are looked for within a bound', () => {
    const wide = {
      properties: Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`p${at}`, {}])),
    };
    expect(readParameterHeaders(wide)).toEqual([]);
  });
});

describe('the fields of a call', () => {
  const headers = [
    { path: ['region'], field: 'mcp-param-Region' },
    { path: ['inside', 'n'], field: 'mcp-param-N' },
  ];

  test.each([
    [
      { region: 'eu', inside: { n: 5 } },
      { 'mcp-param-Region': 'eu', 'mcp-param-N': '5' },
    ],
    [
      { region: true, inside: { n: -7 } },
      { 'mcp-param-Region': 'true', 'mcp-param-N': '-7' },
    ],
    [{ region: null, inside: null }, {}],
    [{ region: { a: 1 }, inside: [] }, {}],
    [{}, {}],
    [undefined, {}],
  ])('%j has %j', (args, fields) => {
    expect(parameterFields(headers, args)).toEqual(fields);
  });

  test('are not those of a prototype', () => {
    expect(parameterFields([{ path: ['constructor', 'name'], field: 'f' }], {})).toEqual({});
  });
});

/** Those of the specification, "Value Encoding". */
describe('a value in a header field', () => {
  test.each([
    ['us-west1', 'us-west1'],
    ['', ''],
    ['a b\tc', 'a b\tc'],
    ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
    [' padded ', '=?base64?IHBhZGRlZCA=?='],
    ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
    ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
    ['\u0000', '=?base64?AA==?='],
    ['\u007f', '=?base64?fw==?='],
  ])('%j is %j', (text, field) => expect(headerText(text)).toBe(field));
});
