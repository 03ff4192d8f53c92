import { Command, Option } from 'commander';
import { type DescribedField, describeFields } from '../config/describe.ts';
import { formatJson, formatTable, type Output } from './output.ts';

export function configFieldsCommand(output: Output): Command {
  return new Command('fields')
    .description(
      'list every setting: type, default, flag, and whether it is honoured, accepted without effect yet, or refused',
    )
    .addOption(new Option('--status <status>', 'only these').choices(['honoured', 'accepted', 'refused']))
    .option('--json', 'print JSON')
    .action((options: { readonly status?: string; readonly json?: boolean }) => {
      const fields = describeFields().filter(({ status }) => (options.status ?? status) === status);
      if (options.json) output.out(formatJson(fields));
      else output.out(formatTable([HEADER, ...fields.map(formatField)]));
    });
}

const HEADER = ['FIELD', 'STATUS', 'TYPE', 'DEFAULT', 'FLAG', 'NOTE'];

function formatField({
  path,
  status,
  type,
  default: fallback,
  flag,
  note,
}: DescribedField): readonly string[] {
  const shown =
    fallback === undefined ? '-' : typeof fallback === 'string' ? fallback : JSON.stringify(fallback);
  const short = shown.length > 40 ? `${shown.slice(0, 37)}...` : shown;
  return [
    path,
    status,
    type.length > 40 ? 'choice' : type,
    short === '' ? '-' : short,
    flag ? `--${flag}` : '-',
    note ?? '',
  ];
}
