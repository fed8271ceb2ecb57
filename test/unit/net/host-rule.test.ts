import { describe, expect, test } from 'vitest';
import { hostRule, isHostRule } from '../../../src/net/host-rule.js';

describe('a rule for hosts', () => {
  test.each([
    ['fleet.example.com', 'http://fleet.example.com:8000/', true],
    ['fleet.example.com', 'http://FLEET.example.com/', true],
    ['fleet.example.com', 'http://fleet.example.com.evil.example/', false],
    ['fleet.example.com', 'http://a.fleet.example.com/', false],
    ['fleet:8000', 'http://fleet:8000/', true],
    ['fleet:8000', 'http://fleet:8001/', false],
    ['fleet:80', 'http://fleet/', true],
    ['*.example.com', 'https://a.b.example.com/', true],
    ['*.example.com', 'https://example.com/', false],
  ])('%s fits %s: %s', (rule, url, fits) => expect(hostRule(rule)(new URL(url))).toBe(fits));

  test.each([
    '',
    '*',
    '*.',
    'http://a.example',
    'a.example/path',
    'u@a.example',
    'a b',
    'a.example:x',
    'a*.example',
  ])('is not %j', (rule) => expect(isHostRule(rule)).toBe(false));
});
