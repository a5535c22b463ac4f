"""Templates audited by themselves: attackers on templates alone, three-way parting of people, matching."""
