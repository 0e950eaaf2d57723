// A bot on the official JavaScript SDK, with one of everything: command, form, search, card, file, home, mention,
// shortcuts. `node app.js sockets|http`; it says `ready PORT` once it listens, and ends when its input does.
'use strict';
const { App, LogLevel } = require('@slack/bolt');

const { SLACK_API_URL, SLACK_BOT_TOKEN, SLACK_APP_TOKEN, SLACK_SIGNING_SECRET, CHANNEL } = process.env;
const overSockets = process.argv[2] === 'sockets';
const way = overSockets ? { socketMode: true, appToken: SLACK_APP_TOKEN } : { signingSecret: SLACK_SIGNING_SECRET };
const app = new App({
  token: SLACK_BOT_TOKEN,
  logLevel: LogLevel.ERROR,
  clientOptions: { slackApiUrl: SLACK_API_URL },
  ...way,
});

const plain = (text) => ({ type: 'plain_text', text });
const section = (text) => ({ type: 'section', text: { type: 'mrkdwn', text } });
const asked = (id, label, element) => ({
  type: 'input', block_id: `b-${id}`, label: plain(label), element: { ...element, action_id: id },
});
const form = (...blocks) => ({
  type: 'modal', callback_id: 'form', notify_on_close: true, title: plain('Drain'), submit: plain('Go'), blocks,
});

app.command('/k8s', async ({ command, ack, respond, client }) => {
  await ack();
  if (command.text === 'calls') {
    await respond({ text: JSON.stringify(await everyCall(client, command.user_id)) });
    return;
  }
  await respond(`heard ${command.text}`);
  const search = { type: 'external_select', min_query_length: 0 };
  await client.views.open({
    trigger_id: command.trigger_id,
    view: form(asked('node', 'Node', search), asked('why', 'Reason', { type: 'plain_text_input' })),
  });
});

app.options('node', async ({ payload, ack }) => {
  await ack({ options: [0, 1, 2].map((n) => ({ text: plain(`${payload.value}-${n}`), value: `n${n}` })) });
});

app.view('form', async ({ ack, body, view, client }) => {
  const { node, why } = { ...view.state.values['b-node'], ...view.state.values['b-why'] };
  if (why.value === 'none') {
    await ack({ response_action: 'errors', errors: { 'b-why': 'say why' } });
    return;
  }
  await ack();
  const wanted = node.selected_option.text.text;
  const approve = { type: 'button', action_id: 'approve', text: plain('Approve'), value: wanted };
  const blocks = [section(`drain *${wanted}* for <@${body.user.id}>`), { type: 'actions', elements: [approve] }];
  const card = await client.chat.postMessage({ channel: CHANNEL, text: `drain ${wanted}?`, blocks });
  await client.filesUploadV2({
    channel_id: CHANNEL, thread_ts: card.ts, filename: 'plan.txt', content: '3 steps', initial_comment: 'the plan',
  });
});

app.view({ type: 'view_closed', callback_id: 'form' }, async ({ ack, body, client }) => {
  await ack();
  await client.chat.postMessage({ channel: body.user.id, text: 'closed' });
});

app.action('approve', async ({ ack, action, body, client, respond }) => {
  await ack();
  await client.chat.update({
    channel: body.channel.id, ts: body.message.ts, text: `${action.value} approved by <@${body.user.id}>`, blocks: [],
  });
  await respond({ text: 'thank you', response_type: 'ephemeral', replace_original: false });
});

app.shortcut('shortcut.global', async ({ ack, shortcut, client }) => {
  await ack();
  await client.views.open({ trigger_id: shortcut.trigger_id, view: { ...form(section('hello')), submit: undefined } });
});

app.shortcut('shortcut.message', async ({ ack, shortcut, respond }) => {
  await ack();
  await respond(`read: ${shortcut.message.text}`);
});

app.event('app_home_opened', async ({ event, client }) => {
  await client.views.publish({ user_id: event.user, view: { type: 'home', blocks: [section('one run')] } });
});

app.event('app_mention', async ({ event, say }) => {
  await say({ text: `heard ${event.text}`, thread_ts: event.thread_ts ?? event.ts });
});

app.message('hello', async ({ message, say }) => {
  await say(`hello <@${message.user}>`);
});

// Each method as this SDK encodes it; gives what was refused.
async function everyCall(client, user) {
  const posted = await client.chat.postMessage({ channel: CHANNEL, text: 'one', blocks: [section('one')] });
  const here = { channel: CHANNEL, ts: posted.ts };
  const direct = await client.conversations.open({ users: user });
  const file = await client.filesUploadV2({ channel_id: direct.channel.id, filename: 'a.txt', file: Buffer.from('ab') });
  const calls = [
    () => client.auth.test(),
    () => client.team.info(),
    () => client.bots.info(),
    () => client.users.info({ user }),
    () => client.users.lookupByEmail({ email: 'alice@example.com' }),
    () => client.usergroups.list({ include_users: true }),
    () => client.usergroups.users.list({ usergroup: 'S0SRE' }),
    () => client.conversations.info({ channel: CHANNEL }),
    () => client.conversations.list({ types: 'public_channel,private_channel', limit: 1 }),
    () => client.conversations.members({ channel: CHANNEL, limit: 1 }),
    () => client.conversations.history({ channel: CHANNEL, limit: 1 }),
    () => client.conversations.replies(here),
    () => client.chat.getPermalink({ channel: CHANNEL, message_ts: posted.ts }),
    () => client.chat.postEphemeral({ channel: CHANNEL, user, text: 'for you' }),
    () => client.reactions.add({ channel: CHANNEL, timestamp: posted.ts, name: 'eyes' }),
    () => client.files.info({ file: file.files[0].files[0].id }),
    () => client.chat.update({ ...here, text: 'two', blocks: [section('two')] }),
    () => client.chat.delete(here),
  ];
  const refused = [];
  for (const call of calls) {
    await call().catch((error) => refused.push(`${call}: ${error.message}`));
  }
  return refused;
}

process.stdin.resume().on('end', () => process.exit(0));
app.start(0).then((server) => process.stdout.write(`ready ${overSockets ? 0 : server.address().port}\n`));
