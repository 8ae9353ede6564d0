// A part of a page with a heading, and what can be done with it at the upper right.
import type { ReactNode } from "react";

interface Props {
	title?: ReactNode;
	/** Beside the heading. */
	note?: ReactNode;
	actions?: ReactNode;
	children: ReactNode;
	/** For a card within a card. */
	isInner?: boolean;
	id?: string;
}

export function Card({ title, note, actions, children, isInner, id }: Props) {
	const Heading = isInner ? "h3" : "h2";
	return (
		<section
			className={isInner ? "hw-card hw-card--inner" : "hw-card"}
			aria-labelledby={title && id ? `${id}-title` : undefined}
			id={id}
		>
			{(title || actions) && (
				<header className="hw-card__head">
					{title && <Heading id={id ? `${id}-title` : undefined}>{title}</Heading>}
					{note}
					{actions && <div className="hw-card__actions">{actions}</div>}
				</header>
			)}
			{children}
		</section>
	);
}

/** Names with their values, as a list of definitions. */
export function Facts({ rows }: { rows: readonly (readonly [name: string, value: ReactNode] | false | undefined)[] }) {
	return (
		<dl className="hw-facts">
			{rows.map(
				(row) =>
					row && (
						<div key={row[0]}>
							<dt>{row[0]}</dt>
							<dd>{row[1]}</dd>
						</div>
					),
			)}
		</dl>
	);
}
