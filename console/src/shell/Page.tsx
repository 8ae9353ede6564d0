// The head of a page: where it is, what it is called, and what can be done. It sets the title of the window.
import { Fragment, type ReactNode, useEffect } from "react";
import { Link } from "react-router";
import { useText } from "../i18n/i18n";
import { shellTexts } from "../i18n/shell";

interface Props {
	title: string;
	/** The pages above this one: a text and where it leads. */
	above?: readonly { text: string; to: string }[];
	/** Beside the title. */
	note?: ReactNode;
	/** Below the title. */
	lead?: ReactNode;
	actions?: ReactNode;
	children: ReactNode;
}

export function Page({ title, above = [], note, lead, actions, children }: Props) {
	const t = useText(shellTexts);
	useEffect(() => {
		document.title = `${title} · Headwater`;
	}, [title]);
	return (
		<div className="hw-page">
			<header className="hw-page__head">
				{above.length > 0 && (
					<nav aria-label={t("breadcrumbs")} className="hw-crumbs">
						<ol>
							{above.map((one) => (
								<Fragment key={one.to}>
									<li>
										<Link to={one.to}>{one.text}</Link>
									</li>
								</Fragment>
							))}
							<li aria-current="page">{title}</li>
						</ol>
					</nav>
				)}
				<div className="hw-page__row">
					<h1>{title}</h1>
					{note}
					{actions && <div className="hw-page__actions">{actions}</div>}
				</div>
				{lead && <p className="hw-page__lead">{lead}</p>}
			</header>
			{children}
		</div>
	);
}
