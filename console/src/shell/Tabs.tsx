// Pages side by side, each with an address of its own.
import { NavLink } from "react-router";

export function Tabs({ label, items }: { label: string; items: readonly { to: string; text: string }[] }) {
	return (
		<nav className="hw-tabs" aria-label={label}>
			<ul>
				{items.map((item) => (
					<li key={item.to}>
						<NavLink to={item.to} replace>
							{item.text}
						</NavLink>
					</li>
				))}
			</ul>
		</nav>
	);
}
