/** Runs in the browser. It writes text only, never markup: what servers say of themselves is not to be trusted. */
export const SCRIPT = /* js */ `
'use strict';

const MAX_EVENTS = 200;
const byId = (id) => document.getElementById(id);
let tool;
let listening = new AbortController();

byId('load').addEventListener('click', load);
byId('call').addEventListener('submit', call);
load();

function load() {
  byId('problems').textContent = '';
  listening.abort();
  listening = new AbortController();
  const steps = [showRoutes(), showTools(), listen(listening.signal)];
  for (const step of steps) step.catch((error) => { byId('problems').textContent += error.message + ' '; });
}

async function request(path, options = {}) {
  const headers = { ...options.headers };
  const authorization = byId('authorization').value;
  if (authorization !== '') headers.authorization = authorization;
  return fetch(path, { ...options, headers });
}

async function requestJson(path, options) {
  const response = await request(path, options);
  const body = await response.json();
  if (!response.ok) throw new Error(body.title + ': ' + body.detail);
  return body;
}

async function showRoutes() {
  const { paths } = await requestJson('openapi.json');
  const rows = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { summary }]) =>
      element('tr', {}, [method.toUpperCase(), path, summary].map((text) => element('td', { textContent: text })))));
  byId('routes').replaceChildren(...rows);
}

async function showTools() {
  const { tools, errors } = await requestJson('tools');
  const items = Object.entries(tools).flatMap(([server, list]) =>
    list.map((one) => {
      const button = element('button', { type: 'button', textContent: server + ' · ' + one.name });
      button.addEventListener('click', () => choose(button, server, one));
      return element('li', {}, [button]);
    }));
  byId('tools').replaceChildren(...items);
  for (const [server, { detail }] of Object.entries(errors)) {
    byId('problems').textContent += server + ': ' + detail + ' ';
  }
}

function choose(button, server, chosen) {
  tool = { server_name: server, tool_name: chosen.name };
  for (const one of byId('tools').querySelectorAll('button')) one.setAttribute('aria-pressed', String(one === button));
  byId('chosen').textContent = server + ' · ' + chosen.name;
  byId('description').textContent = chosen.description ?? '';
  byId('schema').textContent = JSON.stringify(chosen.inputSchema, null, 2);
  const required = chosen.inputSchema?.required ?? [];
  byId('arguments').value = JSON.stringify(Object.fromEntries(required.map((name) => [name, ''])), null, 2);
  byId('send').disabled = false;
}

async function call(event) {
  event.preventDefault();
  byId('result').textContent = '…';
  try {
    const result = await requestJson('tools/call', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...tool, arguments: JSON.parse(byId('arguments').value) }),
    });
    byId('result').textContent = JSON.stringify(result, null, 2);
  } catch (error) {
    byId('result').textContent = error.message;
  }
}

// Not an EventSource: that cannot send an Authorization header.
async function listen(signal) {
  while (!signal.aborted) {
    try {
      const response = await request('events', { signal });
      if (!response.ok) return;
      byId('connection').textContent = 'live';
      await readEvents(response.body.pipeThrough(new TextDecoderStream()).getReader());
    } catch {
      // A stream that broke is opened again.
    }
    if (signal.aborted) return;
    byId('connection').textContent = 'connecting';
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}

async function readEvents(reader) {
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const frames = (text + value).split('\\n\\n');
    text = frames.pop();
    for (const frame of frames) showEvent(frame);
  }
}

function showEvent(frame) {
  const [, name, data] = /^event: (.*)\\ndata: (.*)$/.exec(frame) ?? [];
  if (name === undefined) return;
  const events = byId('events');
  events.prepend(element('li', { textContent: name + ' ' + data }));
  if (events.children.length > MAX_EVENTS) events.lastChild.remove();
}

function element(name, properties, children = []) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}
`;
